import { LanyardError } from '@lanyard/api'
import type {
  Clock,
  PolicyDecision,
  PolicyInForce,
  PolicyQuestion,
  PolicyVersionState,
  Rows,
  Store,
} from '@lanyard/authority'
import type { Bus } from '../bus/bus.ts'
import { inTime } from '../feed/watcher.ts'
import type { Log, PolicyDesk } from '../http/ports.ts'
import type { Timers } from '../instance/timers.ts'
import { Turns } from '../node-news/turns.ts'
import { HeldSet, type PolicyTexts } from './held.ts'
import { InForce } from './in-force.ts'
import type { ShadowReport } from './shadow.ts'
import { type ThreadShare, ThreadTime } from './thread-time.ts'

export interface PolicyDeskParts {
  /** Where it looks. */
  readonly watch: Pick<Store, 'read'>
  readonly rows: Pick<Rows, 'policies'>
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>
  /** What is told on the bus, where listeners of the feed know it already. */
  readonly epoch: () => number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly pollMs: number
  /** After so many milliseconds a decision counts as a denial. */
  readonly timeoutMs: number
  /** Whether nobody is to be asked, so that an owner who locked everybody out gets in again. */
  readonly suspended?: boolean
  /** Milliseconds that only go on; those that this thread has worked where none are given. */
  readonly ticks?: () => number
}

/**
 * What the decisions of a tenant's set may take of this thread beyond the usual: whoever writes policies that are slow
 * to decide about makes their own calls fail, and not the kills of others wait.
 */
const EXCESS: ThreadShare = { atOnce: 1000, perSecond: 50 }
/** What a tenant may take to have versions made ready, and asked. */
const ASIDE: ThreadShare = { atOnce: 5000, perSecond: 50 }

/** The policies in force at this instance, which follows what all instances store. */
export class RunningPolicies implements PolicyDesk {
  readonly #parts: PolicyDeskParts
  readonly #looks = new Turns(1)
  readonly #listeners = new Set<(released: boolean) => void>()
  readonly #ends: (() => void)[] = []
  /** By tenant: no more than there are. */
  readonly #aside = new Map<string, ThreadTime>()
  #held: ReadonlyMap<string, HeldSet> = new Map()
  #inForce: InForce
  #seen = { revision: -1, at: 0 }
  #failing = false
  #stopped = false
  #released = false

  private constructor(parts: PolicyDeskParts) {
    this.#parts = parts
    this.#inForce = new InForce([], unheld, null, parts.clock)
  }

  /** Reads what is in force, and looks for changes from then on. Throws `store_unavailable`. */
  static async start(parts: PolicyDeskParts): Promise<RunningPolicies> {
    const desk = new RunningPolicies(parts)
    await desk.look()
    if (parts.suspended) parts.log.warn({}, 'policies are suspended by policy.suspended: they deny nothing')
    desk.#ends.push(
      parts.bus.subscribe(() => void desk.turn()),
      parts.timers.every(parts.pollMs, () => desk.turn()),
    )
    return desk
  }

  get seen(): { readonly revision: number; readonly at: number } {
    return this.#seen
  }

  get isIdle(): boolean {
    return this.#parts.suspended === true || this.#inForce.isEmpty
  }

  asks(tenant: string | null): boolean {
    return !this.isIdle && this.#inForce.concerns(tenant)
  }

  decide(question: PolicyQuestion): PolicyDecision {
    return this.#inForce.decide(question)
  }

  activeFor(tenant: string | null): readonly HeldSet[] {
    return this.#inForce.activeFor(tenant)
  }

  compiled(texts: PolicyTexts): HeldSet {
    const { timeoutMs, ticks = threadMs, clock } = this.#parts
    // Those of the trust domain are its owner's: denying for slowness would deny everything to everybody.
    const excess = texts.tenant === null ? null : new ThreadTime(EXCESS, clock)
    return HeldSet.of(texts, { timeoutMs, ticks, excess })
  }

  atTheCostOf<T>(tenant: string | null, work: () => T): T {
    if (tenant === null) return work()
    const { ticks = threadMs, clock } = this.#parts
    const account = this.#aside.get(tenant) ?? new ThreadTime(ASIDE, clock)
    this.#aside.set(tenant, account)
    const seconds = Math.ceil(account.waitMs / 1000)
    if (seconds > 0)
      throw new LanyardError('rate_limited', `the policies of ${tenant} took too long lately; wait ${seconds} s`, {
        retry_after_sec: seconds,
      })
    const begun = ticks()
    try {
      return work()
    } finally {
      account.take(ticks() - begun)
    }
  }

  shadowOf(tenant: string | null): ShadowReport | undefined {
    return this.#inForce.shadowOf(tenant)
  }

  tell(): void {
    void this.#parts.bus.publish(Math.max(0, this.#parts.epoch()))
    void this.turn()
  }

  onChange(listener: (released: boolean) => void): () => void {
    const own = (released: boolean) => listener(released)
    this.#listeners.add(own)
    if (this.#released) own(true)
    return () => this.#listeners.delete(own)
  }

  /** Looks. Never throws: what was in force stays so until a look succeeds. */
  async turn(): Promise<void> {
    try {
      await this.look()
      if (this.#failing) this.#parts.log.info({}, 'changes of policies are seen again')
      this.#failing = false
    } catch (error) {
      if (!this.#failing && !this.#stopped)
        this.#parts.log.warn({ error: String(error) }, 'no changes of policies are seen: no look at the database')
      this.#failing = true
    }
  }

  look(): Promise<void> {
    return this.#looks.run('look', () => this.#look())
  }

  release(): void {
    this.#released = true
    this.#changed()
  }

  stop(): void {
    this.#stopped = true
    for (const end of this.#ends.splice(0)) end()
    this.release()
  }

  async #look(): Promise<void> {
    if (this.#stopped) return
    const { watch, rows, clock } = this.#parts
    const at = clock.now()
    const revision = await inTime(watch.read(() => rows.policies.revision()))
    if (revision !== this.#seen.revision) {
      await this.#take(await inTime(watch.read(() => rows.policies.inForce())))
      this.#seen = { revision, at }
      this.#changed()
    }
    this.#seen = { revision, at }
  }

  /** All at once: nobody is asked by one version of this moment and one of the moment before. */
  async #take(marks: readonly PolicyInForce[]): Promise<void> {
    const held = new Map<string, HeldSet>()
    for (const mark of marks) {
      const name = nameOf(mark)
      held.set(name, this.#held.get(name) ?? (await this.#read(mark)))
    }
    this.#inForce = new InForce(marks, mark => held.get(nameOf(mark))!, this.#inForce, this.#parts.clock)
    this.#held = held
  }

  async #read({ tenant, version }: PolicyInForce): Promise<HeldSet> {
    const { watch, rows, log } = this.#parts
    const state: PolicyVersionState | undefined = await inTime(watch.read(() => rows.policies.find(tenant, version)))
    if (state === undefined) throw new Error(`version ${version} of the policies of ${tenant ?? 'all'} is gone`)
    const set = this.compiled(state)
    if (set.problem !== null) log.error({ tenant, version, problem: set.problem }, 'policies in force cannot be used')
    return set
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener(this.#released)
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const nameOf = ({ tenant, version }: Pick<PolicyInForce, 'tenant' | 'version'>) => `${tenant ?? ''} ${version}`

const unheld = (): HeldSet => {
  throw new TypeError('nothing is held')
}
