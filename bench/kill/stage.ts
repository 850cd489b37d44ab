import type { Case } from './case.ts'
import { layNetwork, type Network } from './network/namespaces.ts'
import { Host, type Remote } from './rpc.ts'

/** On a network: what is late, each way, and lost. */
const TROUBLE = { delayMs: 5, lossPercent: 1 }

/** Where the processes of a case run. */
export class Stage {
  readonly #hosts: Host[] = []
  readonly #network: Network<string> | null
  readonly #single: Host | null

  private constructor(network: Network<string> | null, single: Host | null) {
    this.#network = network
    this.#single = single
  }

  static async open({ hosts, workers }: Case): Promise<Stage> {
    if (hosts === 'one process') return new Stage(null, new Host())
    if (hosts === 'processes') return new Stage(null, null)
    const names = ['authority-0', 'operator', 'callers', ...Array.from({ length: workers }, (_, at) => `worker-${at}`)]
    return new Stage(await layNetwork(names, TROUBLE), null)
  }

  get method(): string {
    return this.#network?.method ?? ''
  }

  /** The address of whoever plays under this name. */
  addressOf(name: string): string {
    return this.#network?.places[name]?.address ?? '127.0.0.1'
  }

  /** Starts a role, in a process of its own unless all are in one. */
  async start<Role extends object>(role: string, name: string, options: unknown): Promise<Remote<Role>> {
    return await this.host(name).start<Role>(role, name, options)
  }

  /** The process for whoever plays under this name. */
  host(name: string): Host {
    if (this.#single) return this.#single
    const host = new Host(this.#network?.places[name]?.prefix)
    this.#hosts.push(host)
    return host
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts, ...(this.#single ? [this.#single] : [])].map(host => host.kill()))
    await this.#network?.close()
  }
}
