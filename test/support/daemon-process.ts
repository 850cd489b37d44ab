import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { LANYARD_FLAGS } from '../../tools/node.mjs'
import type { LanyardUp } from './lanyard-up.ts'

const MAIN = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname

const TOKEN = 'token'

/** A daemon in a process of its own, which may be ended and started again on the same folder. */
export class DaemonProcess {
  readonly folder: string
  readonly #flags: readonly string[]
  #child: ChildProcess | null = null

  private constructor(folder: string, flags: readonly string[]) {
    this.folder = folder
    this.#flags = flags
  }

  /** A new node of this authority, by a join token. */
  static async of(up: LanyardUp, name = 'machine', flags: readonly string[] = []): Promise<DaemonProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'lanyard-d-'))
    chmodSync(folder, 0o755)
    const tokenFile = join(folder, TOKEN)
    const daemon = new DaemonProcess(folder, [
      ...['--authority', up.ready.url, '--root-file', up.ready.root_file, '--join-token-file', tokenFile],
      ...['--socket', `unix://${folder}/api.sock`, '--admin-socket', join(folder, 'admin.sock')],
      ...['--data', join(folder, 'data'), '--attestors', 'unix', '--log-level', 'warn', ...flags],
    ])
    const { token } = await up.call('POST', '/v1/nodes/join-tokens', { name })
    daemon.setToken(token)
    await daemon.start()
    return daemon
  }

  /** Path of the Workload API. */
  get socket(): string {
    return join(this.folder, 'api.sock')
  }

  get adminSocket(): string {
    return join(this.folder, 'admin.sock')
  }

  /** What it attests with where it has no key yet. */
  setToken(token: string): void {
    writeFileSync(join(this.folder, TOKEN), token, { mode: 0o600 })
  }

  get child(): ChildProcess {
    if (this.#child === null) throw new Error('the daemon does not run')
    return this.#child
  }

  async start(prefix: readonly string[] = []): Promise<void> {
    const [command, ...args] = [...prefix, process.execPath, ...LANYARD_FLAGS, MAIN, 'daemon', '--json', ...this.#flags]
    const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', text => (said += text))
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')])
    if (typeof line !== 'string') throw new Error(`lanyard daemon ended with ${line} before it was ready:\n${said}`)
  }

  /** Ends the process and waits for its end; the folder stays. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    // One that a test has stopped hears of no other signal.
    child.kill('SIGCONT')
    await ended
  }

  async remove(): Promise<void> {
    await this.end()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
