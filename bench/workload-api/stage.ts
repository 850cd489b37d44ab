import { readFileSync } from 'node:fs'
import process from 'node:process'
import { WorkloadApiClient, type X509Context } from '@lanyard/sdk'
import { DaemonProcess } from '../../test/support/daemon-process.ts'
import { type LanyardUp, lanyardUp } from '../../test/support/lanyard-up.ts'

/** An authority and a daemon, each a process of its own, and entries that give this process identities. */
export class Stage {
  readonly up: LanyardUp
  readonly daemon: DaemonProcess
  #agents = 0

  private constructor(up: LanyardUp, daemon: DaemonProcess) {
    this.up = up
    this.daemon = daemon
  }

  static async open(): Promise<Stage> {
    const up = await lanyardUp({ flags: ['--limits-rate-per-minute', '0'] })
    await up.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
    return new Stage(up, await DaemonProcess.of(up))
  }

  /** A new agent of 300 seconds, without an entry. */
  async agent(): Promise<string> {
    const agent = `a${++this.#agents}`
    await this.up.call('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'silver' })
    return agent
  }

  /** Gives this process the identity of an agent; the id of the entry. */
  async register(agent: string): Promise<string> {
    const selectors = [`unix:uid:${process.getuid!()}`]
    return (await this.up.call('POST', '/v1/entries', { tenant: 'acme', agent, selectors, children: true })).id
  }

  async withdraw(entry: string): Promise<void> {
    await this.up.call('DELETE', `/v1/entries/${entry}`)
  }

  client(): WorkloadApiClient {
    return new WorkloadApiClient({ socket: `unix://${this.daemon.socket}` })
  }

  /** Processor seconds and resident bytes of the daemon. */
  usage(): { readonly cpuSec: number; readonly mb: number } {
    const { pid } = this.daemon.child
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
    return { cpuSec: (Number(fields[11]) + Number(fields[12])) / 100, mb: Number(resident) / 1024 }
  }

  async close(): Promise<void> {
    await this.daemon.remove()
    await this.up.remove()
  }
}

/** Follows the identities of this process, and says when a state has come that fits. */
export class Following {
  readonly #client: WorkloadApiClient
  #ids: readonly string[] = []
  #waiting: { readonly fits: (ids: readonly string[]) => boolean; readonly then: (at: number) => void }[] = []

  constructor(client: WorkloadApiClient) {
    this.#client = client
    client.watchX509Context({
      onState: ({ svids }: X509Context) => this.#saw(svids.map(({ svid }) => `${svid.id}`)),
      onFailed: () => this.#saw([]),
    })
  }

  /** When it came, by `performance.now()`; at once when it is there. */
  until(fits: (ids: readonly string[]) => boolean): Promise<number> {
    if (fits(this.#ids)) return Promise.resolve(performance.now())
    return new Promise(then => this.#waiting.push({ fits, then }))
  }

  close(): void {
    this.#client.close()
  }

  #saw(ids: readonly string[]): void {
    const at = performance.now()
    this.#ids = ids
    const came = this.#waiting.filter(({ fits }) => fits(ids))
    this.#waiting = this.#waiting.filter(waiter => !came.includes(waiter))
    for (const { then } of came) then(at)
  }
}

/** Ids that end with the name of an agent. */
export const has =
  (agent: string) =>
  (ids: readonly string[]): boolean =>
    ids.some(id => id.endsWith(`/${agent}`))
