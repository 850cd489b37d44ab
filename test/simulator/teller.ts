import type { Step } from '@lanyard/authority'
import type { FeedLine } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { encodeFeedLine, parseFeedLine } from '../../packages/protocol/src/feed/line.ts'
import { type Change, Changes, told } from '../../packages/server/src/feed/changes.ts'
import { look, type Sight, type SightPorts } from '../../packages/server/src/feed/sight.ts'
import type { Site } from './programs.ts'

const TEMPLATE = '/{tenant}/{agent}'

/** Where a reader was: the last line that it has. */
export interface Position {
  readonly epoch: number
  readonly feedId: string
}

/** What an instance has seen of the database, as lines of the feed. Looks and changes are those of server/feed. */
export class Teller {
  readonly #instance: string
  #sight: Sight | null = null
  #changes: Changes | null = null

  constructor(instance: string) {
    this.#instance = instance
  }

  get epoch(): number | null {
    return this.#sight?.epoch ?? null
  }

  get feedId(): string | null {
    return this.#sight && `feed-${this.#sight.place.replace('timeline ', '')}`
  }

  /** The step of the next look, begun at `asOf` by the clock of the instance (Unix ms). */
  step({ rows }: Site, asOf: number): () => Step<Sight> {
    const steps: (() => Step<Sight>)[] = []
    const store = { read: (step: () => Step<Sight>) => new Promise(() => steps.push(step)) }
    void look(this.#sight, { store, rows, clock: { now: () => asOf } } as unknown as SightPorts)
    return steps[0]!
  }

  /** The line that tells what was seen; null where nothing is new. */
  saw(sight: Sight): FeedLine | null {
    const before = this.#sight
    this.#sight = sight
    if (before === null || this.#changes === null || sight.told === 'all') {
      this.#changes = new Changes(sight.deaths, sight.epoch, nodeCrypto)
      return this.#snapshot(this.#changes)
    }
    if (sight.epoch === before.epoch) return null
    const came = this.#changes.read(sight.deaths)
    this.#changes.add(came)
    return this.#delta(before.epoch, came)
  }

  /** The same as before, of this time. */
  seenAgain(asOf: number): void {
    if (this.#sight !== null) this.#sight = { ...this.#sight, asOf }
  }

  /** A line that leads a reader on. */
  opening(from: Position | null): FeedLine {
    const { epoch } = this.#sight!
    const changes = this.#changes!
    const missed = from && from.feedId === this.feedId && from.epoch <= epoch ? changes.since(from.epoch) : null
    return missed === null ? this.#snapshot(changes) : this.#delta(from!.epoch, missed)
  }

  /** A line that tells nothing but its time. */
  pulse(): FeedLine | null {
    return this.#sight && this.#delta(this.#sight.epoch, [])
  }

  #snapshot(changes: Changes): FeedLine {
    return this.#line({ kind: 'snapshot', prev: 0, template: TEMPLATE, ...told(changes.all(this.#sight!.asOf)) })
  }

  #delta(prev: number, changes: readonly Change[]): FeedLine {
    return this.#line({ kind: 'delta', prev, ...told(changes) })
  }

  /** As it would come over the wire. */
  #line(line: Pick<FeedLine, 'kind' | 'prev' | 'deaths' | 'rebirths' | 'template'>): FeedLine {
    const { epoch, asOf } = this.#sight!
    const whole = { ...line, feedId: this.feedId!, instance: this.#instance, epoch, asOf }
    return parseFeedLine(encodeFeedLine(whole as FeedLine))
  }
}
