import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backing } from './backing.ts'
import type { Case } from './case.ts'
import type { AuthorityInfo, AuthorityRole } from './roles/authority.ts'
import type { Host, Remote } from './rpc.ts'
import type { Stage } from './stage.ts'

const PASSPHRASE = 'the bench keeps no secret'

interface Slot {
  readonly name: string
  readonly data: string
  host: Host
  role: Remote<AuthorityRole>
  info: AuthorityInfo
}

/** The instances of the authority; one that died can be started again on its folder. */
export class Instances {
  readonly #stage: Stage
  readonly #backing: Backing | null
  readonly #slots: Slot[] = []

  private constructor(stage: Stage, backing: Backing | null) {
    this.#stage = stage
    this.#backing = backing
  }

  static async open(stage: Stage, { instances }: Case, backing: Backing | null): Promise<Instances> {
    const all = new Instances(stage, backing)
    // One after the other: the first one makes the trust domain.
    for (let at = 0; at < instances; at++) {
      const name = `authority-${at}`
      const data = join(mkdtempSync(join(tmpdir(), 'lanyard-bench-')), 'data')
      all.#slots.push({ name, data, ...(await all.#start(at, name, data)) })
    }
    await backing?.lead(all.#ports(0))
    return all
  }

  /** What the first instance told when the trust domain was new. */
  get first(): AuthorityInfo {
    return this.#slots[0]!.info
  }

  urls(): string[] {
    return this.#slots.map(({ info }) => info.url)
  }

  /** A URL that leads to whichever instance is led to. */
  get balanced(): string {
    return `https://127.0.0.1:${this.#backing!.port}`
  }

  get count(): number {
    return this.#slots.length
  }

  /** Lets the instance `at` die at the commit of the next kill; back with that moment. */
  async strike(at: number): Promise<number> {
    return await this.#backing!.strike(at, this.#slots[at]!.host.child.pid!)
  }

  /** Starts the instance `at` again, and lets new connections go to the other one first. Back with its URL. */
  async revive(at: number): Promise<string> {
    const slot = this.#slots[at]!
    Object.assign(slot, await this.#start(at, slot.name, slot.data))
    await this.#backing!.lead(this.#ports((at + 1) % this.count))
    return slot.info.url
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#slots.map(({ role }) => role.close()))
    for (const { data } of this.#slots) rmSync(join(data, '..'), { recursive: true, force: true })
  }

  #ports(from: number): number[] {
    return this.#slots.map((_, at) => Number(new URL(this.#slots[(from + at) % this.count]!.info.url).port))
  }

  async #start(at: number, name: string, data: string): Promise<Pick<Slot, 'host' | 'role' | 'info'>> {
    const address = this.#stage.addressOf(name)
    const host = this.#stage.host(name)
    const stored = this.#backing === null ? {} : { passphrase: PASSPHRASE }
    const role = await host.start<AuthorityRole>('authority', name, {
      data,
      ...stored,
      config: {
        listen: `${address}:0`,
        ...(address === '127.0.0.1' ? {} : { hosts: [address] }),
        ...this.#backing?.configOf(at),
      },
    })
    return { host, role, info: await role.info() }
  }
}
