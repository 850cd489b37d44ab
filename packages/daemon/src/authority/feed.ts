import {
  type Certificate,
  type Credential,
  type FeedLine,
  FeedVerifier,
  Follower,
  type TrustDomain,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Time } from '../ports.ts'

/** What kills: a name of what died, or null for one who lives. */
export type Judge = (credential: Credential) => ReturnType<Follower['deaths']['judge']>

export interface FeedPorts {
  readonly time: Time
  /** The authority's time, by which its keys hold. */
  readonly clock: { now(): number }
  readonly trustDomain: () => TrustDomain
  /** Those that are trusted at this moment. */
  readonly roots: () => readonly Certificate[]
  /** More is dead than before: whoever is held is to be judged anew. */
  readonly died: () => void
  /** Somebody may live again. */
  readonly reborn: () => void
}

/** An instance that has not looked at its database for so long may miss deaths: another connection is tried. */
const NO_NEWS_MS = 10_000
const OPTIONS = { budgetMs: 3_000, graceMs: 1_000, heartbeatMs: 1_000 } as const

/** The feed of deaths, as far as the daemon asks: who is dead. How old the news is it leaves to the guards of the agents. */
export class Feed {
  readonly #ports: FeedPorts
  readonly follower = new Follower({ ...OPTIONS, crypto: nodeCrypto })
  #verifier: FeedVerifier | null = null
  #newsAt = Number.NEGATIVE_INFINITY
  #connectedAt = Number.NEGATIVE_INFINITY
  #newest = ''

  constructor(ports: FeedPorts) {
    this.#ports = ports
  }

  /** Where to go on. */
  get path(): string {
    const { since } = this.follower
    return since === null ? '/v1/feed' : `/v1/feed?since=${since.epoch}&feed_id=${encodeURIComponent(since.feedId)}`
  }

  /** Milliseconds since the feed last brought news; infinite before the first. */
  silentMs(): number {
    return this.#ports.time.monotonic() - this.#newsAt
  }

  /** Whether this connection had its time, and brought none. */
  get isSilent(): boolean {
    return Math.min(this.silentMs(), this.#ports.time.monotonic() - this.#connectedAt) > NO_NEWS_MS
  }

  /** What of a credential is dead, or `alive`. */
  readonly judge: Judge = credential => this.follower.deaths.judge(credential)

  reconnected(): void {
    this.#newest = ''
    this.#connectedAt = this.#ports.time.monotonic()
    this.follower.reconnected(this.#now())
  }

  /**
   * Takes a line. True: lines are missing, and a new connection must bring them.
   *
   * @throws ProtocolError for a line that cannot be believed
   */
  take(text: string): boolean {
    // A line that tells a death comes three times, lest a lost packet delay it.
    if (text === this.#newest) return false
    const now = this.#now()
    const asOf = this.follower.asOf
    const line = this.#verify(text, this.#ports.clock.now())
    this.#newest = text
    const received = this.follower.receive(line, now)
    if (this.follower.asOf !== asOf) this.#newsAt = now.monotonic
    this.#tell(line, received.dead.length > 0)
    return received.resync
  }

  #tell(line: FeedLine, died: boolean): void {
    if (died || line.kind === 'snapshot') this.#ports.died()
    if (line.rebirths.length > 0 || line.kind === 'snapshot') this.#ports.reborn()
  }

  #verify(text: string, at: number): FeedLine {
    if (this.#verifier === null) {
      const { trustDomain, roots } = this.#ports
      const isEvicted = (keyId: string) => this.follower.deaths.isEvicted(keyId)
      this.#verifier = new FeedVerifier({ trustDomain: trustDomain(), roots, crypto: nodeCrypto, isEvicted })
    }
    return this.#verifier.verify(text, at)
  }

  #now() {
    return { wall: this.#ports.time.now(), monotonic: this.#ports.time.monotonic() }
  }
}
