import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { IdentityError } from '@lanyard/sdk/authority'
import type { HeldProcess, Time } from '../ports.ts'
import type { HeldIdentity } from './held-identity.ts'
import { refused } from './request.ts'

/** Connections of peers that wait for the agent to take them; further ones are closed. */
const MAX_WAITING = 256
/** Identities that one process may follow: each hears of deaths over a connection of its own. */
const MAX_IDENTITIES = 16
/** How long one waits. */
const PATIENCE_MS = 10_000

/** One who has proved himself to a server of the agent. */
export interface Peer {
  /** SPIFFE ID that the server has. */
  readonly id: string
  readonly tls: TLSSocket
}

interface Waiting {
  readonly peer: Peer
  readonly cancel: () => void
}

/** One process that leaves its keys here. */
export class Agent {
  readonly process: HeldProcess
  readonly #time: Time
  readonly #identities = new Set<HeldIdentity>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #connections = new Set<Socket>()

  constructor(process: HeldProcess, time: Time) {
    this.process = process
    this.#time = time
  }

  /** Whether nothing of its process is left. */
  get isGone(): boolean {
    return this.#connections.size === 0
  }

  /** @throws IdentityError `workload_api_refused`: it follows too many */
  requireRoom(): void {
    if (this.#identities.size >= MAX_IDENTITIES)
      throw refused(`expected at most ${MAX_IDENTITIES} identities of one process at a time`)
  }

  add(identity: HeldIdentity): void {
    this.#identities.add(identity)
  }

  remove(identity: HeldIdentity): void {
    this.#identities.delete(identity)
  }

  /** Every connection to its process, so that none outlives it: a descriptor may have been handed on. */
  keep(socket: Socket): void {
    this.#connections.add(socket)
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** @throws IdentityError `no_identity` for one that it did not ask for */
  identityOf(id: string): HeldIdentity {
    const found = [...this.#identities].findLast(each => each.is(id))
    if (found !== undefined) return found
    throw new IdentityError('no_identity', `expected an identity that this process follows, got ${id}`)
  }

  /** Lets a peer wait, and gives the name by which the agent takes it; null: too many wait. */
  wait(peer: Peer): string | null {
    if (this.#waiting.size >= MAX_WAITING) return null
    const ticket = randomBytes(16).toString('hex')
    const gone = () => {
      this.#waiting.delete(ticket)
      peer.tls.destroy()
    }
    this.#waiting.set(ticket, { peer, cancel: this.#time.after(PATIENCE_MS, gone) })
    peer.tls.once('close', () => this.take(ticket))
    return ticket
  }

  /** The peer of a ticket, which is good once; null: there is none. */
  take(ticket: string): Peer | null {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    waiting?.cancel()
    return waiting?.peer ?? null
  }

  /** Its process has ended. */
  end(): void {
    for (const { peer } of this.#waiting.values()) peer.tls.destroy()
    for (const socket of this.#connections) socket.destroy()
  }
}

/** The processes that leave their keys here: by number and start, so that a number that went to another is another. */
export class Agents {
  readonly #time: Time
  readonly #agents = new Map<string, Agent>()

  constructor(time: Time) {
    this.#time = time
  }

  /** The agent of a process on this connection, which is one of its connections from now on. */
  of(process: HeldProcess, socket: Socket): Agent {
    const name = nameOf(process)
    const agent = this.#agents.get(name) ?? new Agent(process, this.#time)
    this.#agents.set(name, agent)
    agent.keep(socket)
    socket.once('close', () => agent.isGone && this.end(agent))
    return agent
  }

  /** The same, of a process that follows an identity already. Throws IdentityError `no_identity`. */
  find(process: HeldProcess, socket: Socket): Agent {
    if (this.#agents.has(nameOf(process))) return this.of(process, socket)
    throw new IdentityError('no_identity', 'expected a process that follows an identity')
  }

  /** Its process has ended. */
  end(agent: Agent): void {
    const name = nameOf(agent.process)
    if (this.#agents.get(name) === agent) this.#agents.delete(name)
    agent.end()
  }
}

const nameOf = ({ pid, startTime }: HeldProcess) => `${pid}/${startTime}`
