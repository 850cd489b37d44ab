import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { LANYARD_FLAGS } from '../../tools/node.mjs'

/** What a role answers to, as it is called from another process. */
export type Remote<Role> = {
  readonly [Name in keyof Role]: Role[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}

export interface Ask {
  readonly id: number
  /** `start`: makes the role `role` with `args[0]`, under the name `name`. */
  readonly method: string
  readonly name: string
  readonly role?: string
  readonly args: readonly unknown[]
}

export interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

const HOST = new URL('./host.ts', import.meta.url).pathname

/** A process of the bench that plays roles. */
export class Host {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  readonly #roles: string[] = []
  #last = 0

  /** `prefix`: a command that starts the process, such as `ip netns exec NAME`. */
  constructor(prefix: readonly string[] = []) {
    const flags = [...LANYARD_FLAGS, '--disable-warning=ExperimentalWarning']
    const [command, ...args] = [...prefix, process.execPath, ...flags, HOST]
    this.child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
    this.child.on('message', message => this.#take(message as Reply))
    this.child.on('exit', (code, signal) => {
      const ended = new Error(`a process of the bench (${this.#roles.join(', ')}) ended with ${signal ?? code}`)
      if (signal !== 'SIGKILL') console.error(ended.message)
      this.#give(ended)
    })
  }

  /** Starts a role in this process; what comes back is called as if it were here. */
  async start<Role extends object>(role: string, name: string, options: unknown): Promise<Remote<Role>> {
    this.#roles.push(name)
    await this.#ask({ method: 'start', name, role, args: [options] })
    return new Proxy({} as Remote<Role>, {
      get: (_, method) =>
        // A promise is told by its `then`: a role is none.
        method === 'then' ? undefined : (...args: unknown[]) => this.#ask({ method: String(method), name, args }),
    })
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }

  #ask(ask: Omit<Ask, 'id'>): Promise<unknown> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.child.send({ id, ...ask } satisfies Ask, error => error && this.#take({ id, error: String(error) }))
    })
  }

  #take({ id, value, error }: Reply): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  }

  #give(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
