import {
  type ClockSample,
  type Credential,
  Deaths,
  type FeedLine,
  Follower,
  type Now,
  type Received,
  type Standing,
  type Subject,
  type SubjectKind,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { MakeFollower } from './point.ts'
import type { Faults } from './world.ts'

type Options = ConstructorParameters<typeof Follower>[0]

const planted = (Faulty: new (options: Options) => Follower): { readonly makeFollower: MakeFollower } => ({
  makeFollower: options => new Faulty(options),
})

/** Takes its age for all that there is to know. */
abstract class ByAgeAlone extends Follower {
  readonly #budgetMs: number
  readonly #graceMs: number

  constructor(options: Options) {
    super(options)
    this.#budgetMs = options.budgetMs
    this.#graceMs = options.graceMs
  }

  override clockWanted(): boolean {
    return false
  }

  override standing(now: Now): Standing {
    const age = this.age(now)
    if (this.asOf === null) return 'catching-up'
    return age > this.#budgetMs + this.#graceMs ? 'over' : age > this.#budgetMs ? 'stale' : 'fresh'
  }
}

class ByArrival extends ByAgeAlone {
  #heardAt = Number.NEGATIVE_INFINITY

  override receive(line: FeedLine, now: Now): Received {
    this.#heardAt = now.monotonic
    return super.receive(line, now)
  }

  override age(now: Now): number {
    return now.monotonic - this.#heardAt
  }
}

class ByWallClock extends ByAgeAlone {
  #offset = 0

  override clock(sample: ClockSample, now: Now): void {
    super.clock(sample, now)
    this.#offset = sample.offsetMs + sample.uncertaintyMs
  }

  override age(now: Now): number {
    return now.wall + this.#offset - (this.asOf ?? 0)
  }
}

class ByMonotonicClock extends ByAgeAlone {
  #ahead = 0

  override clock(sample: ClockSample, now: Now): void {
    super.clock(sample, now)
    this.#ahead = now.wall + sample.offsetMs + sample.uncertaintyMs - now.monotonic
  }

  override age(now: Now): number {
    return now.monotonic + this.#ahead - (this.asOf ?? 0)
  }
}

class WithoutGaps extends Follower {
  override receive(line: FeedLine, now: Now): Received {
    const gap = line.kind === 'delta' && line.feedId === this.feedId && line.prev > this.epoch
    return super.receive(gap ? { ...line, prev: this.epoch } : line, now)
  }
}

/** Lets a follower know other deaths than it does. */
const bury = (follower: Follower, deaths: Deaths): void => {
  ;(follower as { deaths: Deaths }).deaths = deaths
}

class Forgetful extends Follower {
  override receive(line: FeedLine, now: Now): Received {
    if (line.feedId !== this.feedId && line.kind === 'snapshot') bury(this, new Deaths(nodeCrypto))
    return super.receive(line, now)
  }
}

class Reviving extends Deaths {
  readonly #reborn = new Set<Subject>()

  override apply(line: FeedLine): readonly Subject[] {
    for (const { subject } of line.deaths) this.#reborn.delete(subject)
    for (const { subject } of line.rebirths) this.#reborn.add(subject)
    return super.apply(line)
  }

  override judge(credential: Credential): 'alive' | SubjectKind {
    const verdict = super.judge(credential)
    return verdict === 'agent' && this.subjectsOf(credential).some(one => this.#reborn.has(one)) ? 'alive' : verdict
  }
}

class Revived extends Follower {
  constructor(options: Options) {
    super(options)
    bury(this, new Reviving(options.crypto))
  }
}

const FEDERATION_BEGINS = 'federation begins and ends what is ours × bootstrap × issue'
const PROVIDER_KILLED = 'kill of a provider × bootstrap by its token × issue'
const SECRET_REVOKED = "revocation of an agent's secret × session by it × issue"
const ROLE_TAKEN = 'a role is taken away × bootstrap by it × issue'

/** Faults of the store's side, each with the small case of which some order shows it. */
export const IN_THE_STORE: Readonly<Record<string, readonly [Faults, shownBy: string]>> = {
  'a gate outside the transaction': [{ gateOutside: true }, 'kill × bootstrap × issue'],
  'a gate inside, without locks': [{ noLocks: true }, 'kill × bootstrap × issue'],
  'a ban that takes no locks': [{ noLocks: true }, 'ban of a node × what it asks for a workload'],
  'a door of nodes without a gate inside': [{ gateOutside: true }, 'ban of a node × what it asks for a workload'],
  'a sequence for the epoch': [{ epochBySequence: true }, 'kills in two tenants at once'],
  'a reinstatement that takes the kill back': [
    { rebirthRevives: true },
    'kill and reinstatement × issue with what was held before',
  ],
  'a renewal that claims no lineage': [{ claimWithoutLock: true }, 'two renew one certificate with two keys'],
  'federation that is asked for outside the transaction': [{ federationOutside: true }, FEDERATION_BEGINS],
  'federation that begins without locks': [{ noLocks: true }, FEDERATION_BEGINS],
  'federation that begins without locks, while a node asks': [
    { noLocks: true },
    'federation begins × what a node asks for a workload',
  ],
  'a door of nodes that federation does not close': [
    { gateOutside: true },
    'federation begins × what a node asks for a workload',
  ],
  'federation that ends what is ours later, without locks': [
    { noLocks: true },
    'federation begins, and ends what is ours later × bootstrap × issue',
  ],
  'a provider that is asked for outside the transaction': [{ standingOutside: true }, PROVIDER_KILLED],
  'a provider that is killed without locks': [{ noLocks: true }, PROVIDER_KILLED],
  'a token of a provider that nobody claims': [
    { tokenWithoutClaim: true },
    'one token of a provider is shown with two keys at once',
  ],
  'an agent of a provider that is registered without locks': [
    { noLocks: true },
    'two tokens of a provider name one new agent at once',
  ],
  'a secret that is asked for outside the transaction': [{ standingOutside: true }, SECRET_REVOKED],
  'a secret that is revoked without locks': [{ noLocks: true }, SECRET_REVOKED],
  'a secret that nobody claims': [{ secretWithoutClaim: true }, 'two exchange one secret at once × session by it'],
  'a secret that is killed without locks': [
    { noLocks: true },
    'kill of a secret × its exchange × session by the new one',
  ],
  'a role that is asked for outside the transaction': [{ standingOutside: true }, ROLE_TAKEN],
  'a role that is taken away without locks': [{ noLocks: true }, ROLE_TAKEN],
  'a principal that is asked for outside the transaction': [
    { standingOutside: true },
    'kill of a principal × bootstrap by it × issue',
  ],
  'an API key that is asked for outside the transaction': [
    { standingOutside: true },
    'kill of an API key × bootstrap with it × issue',
  ],
}

/** Faults between the store and whoever calls, which some seed shows; each with the troubles that bring it out. */
export const ON_THE_WAY: Readonly<Record<string, Faults>> = {
  'a gate outside the transaction': { gateOutside: true },
  'a sequence for the epoch': { epochBySequence: true, troubles: ['slowness'], brisk: true },
  'staleness by arrival': { ...planted(ByArrival), troubles: ['database'] },
  'staleness by the wall clock alone': { ...planted(ByWallClock), troubles: ['clock', 'isolation'] },
  'staleness by the monotonic clock alone': { ...planted(ByMonotonicClock), troubles: ['sleep'] },
  'news that is dated after the read': { asOfAfterRead: true, troubles: ['answers', 'isolation', 'line'] },
  'a bus that is trusted without polling': { busWithoutPolling: true, troubles: ['bus'] },
  'gaps that are ignored': { ...planted(WithoutGaps), troubles: ['disorder'] },
  'deaths that are forgotten when the feed changes': { ...planted(Forgetful), troubles: ['failover'] },
  'a rebirth that revives': planted(Revived),
  'streams that outlive their caller': { streamsGoOn: true },
}
