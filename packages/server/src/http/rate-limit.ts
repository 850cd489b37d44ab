import { LanyardError, type Limit, type RouteId } from '@lanyard/api'
import { type Caller, type Clock, identityOf } from '@lanyard/authority'
import { BoundedMap } from '@lanyard/protocol'
import { TokenBucket } from './token-bucket.ts'

/** Identities remembered; beyond, the one that called longest ago starts afresh. */
const REMEMBERED = 100_000

interface Account {
  readonly perMinute: number
  readonly bucket: TokenBucket
}

/** Counts calls by identity: a minute's worth at once, then steadily. */
export class RateLimit {
  readonly #usual: number
  readonly #clock: Clock
  readonly #accounts = new BoundedMap<string, Account>(REMEMBERED)

  /** `usual`: calls per minute of an identity that has no number of its own; 0: not counted. */
  constructor(usual: number, clock: Clock) {
    this.#usual = usual
    this.#clock = clock
  }

  /**
   * Counts calls of a route, against the allowance that it is limited by. Throws `rate_limited` with the seconds to
   * wait.
   */
  spend(caller: Caller, id: RouteId, limit: Limit, calls = 1): void {
    const usual = (caller.kind === 'api-key' ? caller.rateLimit : null) ?? this.#usual
    if (usual === 0 || limit.per === 'none') return
    const { times } = limit
    const perMinute = times === undefined ? usual : Math.max(1, Math.round(usual * times))
    const identity = identityOf(caller)
    const now = this.#clock.now()
    const { bucket } = this.#account(times === undefined ? identity : `${identity} ${id}`, perMinute, now)
    const waitMs = bucket.take(now, calls)
    if (waitMs === 0) return
    const seconds = Math.max(1, Math.ceil(waitMs / 1000))
    throw new LanyardError('rate_limited', `expected at most ${perMinute} calls a minute; wait ${seconds} s`, {
      retry_after_sec: seconds,
    })
  }

  // Kept in the order of use, so that the first is the one to forget.
  #account(identity: string, perMinute: number, now: number): Account {
    const known = this.#accounts.get(identity)
    const account =
      known?.perMinute === perMinute ? known : { perMinute, bucket: new TokenBucket(perMinute / 60, perMinute, now) }
    this.#accounts.set(identity, account)
    return account
  }
}
