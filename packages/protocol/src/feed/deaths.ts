import type { Crypto } from '../ports.ts'
import { type Concern, concernsOf, subjectOf } from './subject.ts'
import type { Credential, Death, FeedLine, Rebirth, Subject, SubjectKind } from './types.ts'

/** How one subject stands: numbers that only grow, so that repeated and disordered lines can only kill. */
interface Standing {
  /** Incarnations up to this one are dead; 0: only a rebirth was heard of. */
  through: number
  /** The first incarnation that lives again; 0: none. */
  reborn: number
  until: number | null
  /** Where `until` was last heard. Null for the feed: it speaks of this subject no longer, and nothing shortens `until`. */
  feedId: string | null
  epoch: number
}

/** What is dead, by subject. */
export class Deaths {
  readonly #crypto: Crypto
  readonly #standings = new Map<Subject, Standing>()
  readonly #concerns = new WeakMap<Credential, readonly Concern[]>()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  get size(): number {
    return this.#standings.size
  }

  /** Takes in what a line tells, of whatever feed and age, and gives back the subjects of which more is dead than before. */
  apply(line: FeedLine): readonly Subject[] {
    const deader = line.deaths.filter(death => this.#die(death, line))
    for (const rebirth of line.rebirths) this.#revive(rebirth, line)
    return deader.map(({ subject }) => subject)
  }

  /**
   * Takes in a snapshot, and forgets what it leaves out although it was to stay: that ended while nobody listened. Deaths
   * of other feeds, deaths later than the snapshot and deaths that end by themselves are kept.
   */
  replaceBy(snapshot: FeedLine): readonly Subject[] {
    const told = new Set([...snapshot.deaths, ...snapshot.rebirths].map(({ subject }) => subject))
    for (const [subject, { until, feedId, epoch }] of this.#standings) {
      const ended = until === null && feedId === snapshot.feedId && epoch <= snapshot.epoch
      if (ended && !told.has(subject)) this.#standings.delete(subject)
    }
    return this.apply(snapshot)
  }

  /** From now on no snapshot takes a death away that is known now: the feed fell back, and may have forgotten it. */
  detach(): void {
    for (const standing of this.#standings.values()) standing.feedId = null
  }

  /** What of the credential is dead, or `alive`. */
  judge(credential: Credential): 'alive' | SubjectKind {
    for (const { kind, subject } of this.#concernsOf(credential)) {
      const standing = this.#standings.get(subject)
      if (standing !== undefined && isDead(kind, standing, credential)) return kind
    }
    return 'alive'
  }

  /** Whether the key with this identifier (hex) signs for an instance that was put out of service. */
  isEvicted(keyId: string): boolean {
    return (this.#standings.get(subjectOf('issuer', keyId, this.#crypto))?.through ?? 0) > 0
  }

  /** The subjects whose death would concern the credential: to find, when they die, whom to ask {@link judge} about. */
  subjectsOf(credential: Credential): readonly Subject[] {
    return this.#concernsOf(credential).map(({ subject }) => subject)
  }

  /** Forgets deaths that concern nothing any longer at `at`, Unix milliseconds. */
  purge(at: number): void {
    for (const [subject, { until }] of this.#standings)
      if (until !== null && until <= at) this.#standings.delete(subject)
  }

  // Hashed once for each credential, which is once for each session.
  #concernsOf(credential: Credential): readonly Concern[] {
    let concerns = this.#concerns.get(credential)
    if (concerns === undefined) {
      concerns = concernsOf(credential, this.#crypto)
      this.#concerns.set(credential, concerns)
    }
    return concerns
  }

  /** Whether more is dead than before. */
  #die({ subject, through, until }: Death, line: FeedLine): boolean {
    const before = this.#standings.get(subject)
    if (before === undefined) {
      this.#standings.set(subject, { through, reborn: 0, until, feedId: line.feedId, epoch: line.epoch })
      return true
    }
    const deader = through > before.through
    before.until = endOf(before, { through, until }, line)
    before.through = Math.max(before.through, through)
    settle(before, through, line)
    return deader
  }

  #revive({ subject, incarnation }: Rebirth, line: FeedLine): void {
    const before = this.#standings.get(subject)
    if (before !== undefined) {
      before.reborn = Math.max(before.reborn, incarnation)
      return
    }
    // Ahead of its death, which may yet come.
    const { feedId, epoch } = line
    this.#standings.set(subject, { through: 0, reborn: incarnation, until: null, feedId, epoch })
  }
}

/** When the death ends: as the newest line of its own feed says. Of two feeds neither can shorten what the other told. */
function endOf(before: Standing, { through, until }: Omit<Death, 'subject'>, line: FeedLine): number | null {
  if (before.through === 0) return until
  if (before.feedId === line.feedId) return line.epoch >= before.epoch ? until : before.until
  if (before.until === null || until === null) return null
  return through >= before.through ? Math.max(before.until, until) : before.until
}

/** Notes that a line spoke of this subject, if it knows all that is known here. */
function settle(standing: Standing, through: number, line: FeedLine): void {
  if (through < standing.through) return
  standing.epoch = standing.feedId === line.feedId ? Math.max(standing.epoch, line.epoch) : line.epoch
  standing.feedId = line.feedId
}

/** Written so that a number that is none is dead. */
function isDead(kind: SubjectKind, { through, reborn }: Standing, { incarnation }: Credential): boolean {
  if (through === 0) return false
  switch (kind) {
    case 'agent':
      return !(incarnation > through)
    case 'tenant':
      return !(reborn > through)
    case 'lineage':
    case 'key':
    case 'issuer':
      return true
    default:
      return unknownKind(kind)
  }
}

const unknownKind = (_: never) => true
