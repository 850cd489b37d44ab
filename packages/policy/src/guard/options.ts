import type { PoliciesChoice, Route, SpiffeId, TimeSource } from '@lanyard/sdk'

/** Who asks the authority: an `Identity` of the SDK. */
export interface PolicyReader {
  readonly id: SpiffeId
  /**
   * What `GET /v1/agent/policies` answers; after the revision `after`, once there is another or 20 seconds have passed.
   */
  policies(options?: PoliciesChoice): Promise<unknown>
}

export interface PolicyOptions {
  /**
   * After so many milliseconds without word from the authority every call is refused: longer ago somebody may have
   * forbidden it. 60,000 where not given, at least 25,000: with nothing new an answer takes 20 seconds.
   */
  readonly maxAgeMs?: number
  /** What policies know as `context.operation`; nothing where it gives nothing. */
  readonly operation?: (route: Route) => string | undefined
  /**
   * How the trust domain writes tenant and agent into IDs, where its owner chose another template than the usual one.
   */
  readonly template?: string
  /** Told of what could not be read, and of a version that cannot be used here. */
  readonly problem?: (error: Error) => void
  readonly time?: TimeSource
}

/** The time of the machine. */
export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback, { hold = false } = {}) {
    const timer = setTimeout(callback, ms)
    if (!hold) timer.unref()
    return () => clearTimeout(timer)
  },
}

const MAX_AGE_MS = 60_000
const LEAST_AGE_MS = 25_000

/** @throws TypeError for a bound that cannot be held */
export function maxAgeOf({ maxAgeMs = MAX_AGE_MS }: PolicyOptions): number {
  if (Number.isFinite(maxAgeMs) && maxAgeMs >= LEAST_AGE_MS) return maxAgeMs
  throw new TypeError(`expected maxAgeMs of at least ${LEAST_AGE_MS}, got ${maxAgeMs}`)
}
