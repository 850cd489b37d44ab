import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { TLSSocket } from 'node:tls'
import { agentId, type Identity } from '@lanyard/sdk'
import type { KnockerArguments } from './knocker.ts'

const KNOCKER = new URL('./knocker.ts', import.meta.url).pathname

/** Who answers where. */
export interface Door {
  readonly id: string
  readonly host: string
  readonly port: number
}

/** One new handshake; moments are Unix milliseconds. */
export interface Knock {
  readonly begun: number
  readonly done: number
  /** Why there is no connection; null: there is one. */
  readonly code: string | null
  /** When what the other end proved itself with ends; null where nobody proved anything. */
  readonly peerEnds: number | null
}

/** Makes a new connection, notes whom it met, and closes it. */
export async function knock(identity: Identity, { id, host, port }: Door): Promise<Knock> {
  const begun = Date.now()
  try {
    const socket = (await identity.connect({ host, port, peer: agentId(id) })) as TLSSocket
    const peerEnds = endOf(socket)
    socket.destroy()
    return { begun, done: Date.now(), code: null, peerEnds }
  } catch (error) {
    return { begun, done: Date.now(), code: codeOf(error), peerEnds: null }
  }
}

/** When the certificate ends that the other end proved: the first millisecond at which it counts no longer. */
export function endOf(socket: TLSSocket): number {
  return socket.getPeerX509Certificate()!.validToDate.getTime() + 1_000
}

/** A workload in a process of its own, with the handshakes that it made. */
export interface Knocker {
  readonly child: ChildProcess
  readonly door: Door
  readonly knocks: readonly Knock[]
  end(): Promise<void>
}

export async function startKnocker(settings: KnockerArguments): Promise<Knocker> {
  const flags = ['--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, KNOCKER, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout!)
  const [first] = await Promise.race([once(lines, 'line'), once(child, 'exit')])
  const knocks: Knock[] = []
  lines.on('line', line => knocks.push(JSON.parse(line)))
  return {
    child,
    door: JSON.parse(String(first)),
    knocks,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The code of an error; the name of its kind where it has none. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: string; readonly name?: string }
  return code ?? `${name}`
}
