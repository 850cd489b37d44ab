import type { Link } from '../client/link.ts'
import type { Ward, WardListener } from '../mtls/session.ts'

/**
 * What is known of who is alive:
 * - `fresh`: all that died a moment ago;
 * - `catching-up`: at the start, after a broken connection or a stall of this process: calls wait a little;
 * - `stale`: nothing newer than the budget: guarded calls are refused;
 * - `over`: nothing newer than budget and grace: what was open has ended;
 * - `dead`: the own identity was taken away;
 * - `unguarded`: nothing, since it was not told where the authority is; `off`: nothing, as it was told.
 */
export type GuardStanding = 'fresh' | 'catching-up' | 'stale' | 'over' | 'dead' | 'unguarded' | 'off'

/**
 * Whether a call is let in. `wait`: it is about to be known. `stale`: nobody knows. `marked`: it goes on without news, as
 * was declared, and its reply says so.
 */
export type Admission = 'yes' | 'marked' | 'wait' | 'stale' | 'dead'

/** How a guard stands at a moment. */
export interface GuardReport {
  readonly standing: GuardStanding
  /** Age of the newest news at least, in milliseconds; null before the first. */
  readonly ageMs: number | null
  /** Number of the newest death or rebirth that is known here; null without a guard. */
  readonly epoch: number | null
  /** The name under which the authority lists it, a UUID; null without a guard. */
  readonly point: string | null
  /** Connections and calls that it watches over. */
  readonly sessions: number
  /** `best_effort` as soon as anything here goes on without news. */
  readonly mode: 'guarded' | 'best_effort'
}

/** Decides whether a peer that has proved itself is alive. */
export interface Guard extends WardListener {
  readonly standing: GuardStanding
  report(): GuardReport
  /** A connection to the authority; null: there is none. */
  readonly link: Link | null
  /** Judges a call of a peer. Asked for each request: it looks up and compares, and nothing else. */
  admit(ward: Ward, bestEffort: boolean): Admission
  /** Kept as soon as it is known whether calls are let in, or when that takes too long. */
  settled(): Promise<void>
  /**
   * Kept when a call of one's own may go out.
   *
   * @throws IdentityError `liveness_stale`, `identity_dead`
   */
  ready(): Promise<void>
  /** Somebody serves or calls: from now on it is to be known who is alive. `unbounded`: some routes go on without news. */
  begin(unbounded?: boolean): void
  /** There is a new certificate. */
  renewed(): void
  stop(): void
}

/** Lets everyone in: where there is no feed to ask, or by choice. */
export class NoGuard implements Guard {
  readonly standing: 'unguarded' | 'off'
  readonly link = null
  readonly #begun: () => void

  constructor(standing: 'unguarded' | 'off', begun: () => void) {
    this.standing = standing
    this.#begun = begun
  }

  report(): GuardReport {
    return { standing: this.standing, ageMs: null, epoch: null, point: null, sessions: 0, mode: 'best_effort' }
  }

  admit(): Admission {
    return 'yes'
  }

  async settled(): Promise<void> {}
  async ready(): Promise<void> {}

  begin(): void {
    this.#begun()
  }

  opened(): void {}
  closed(): void {}
  renewed(): void {}
  stop(): void {}
}
