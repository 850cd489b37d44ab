import { LanyardError, type Tier } from '@lanyard/api'

/** Seconds that a certificate lives at most, by reputation tier. Strictly ordered, never under the floor. */
export const LIFETIME = {
  platinum: 600,
  gold: 420,
  silver: 300,
  bronze: 180,
  restricted: 60,
} as const satisfies Record<Tier, number>

/** Seconds that an agent token lives. */
export const AGENT_TOKEN_SEC = 900

/** Seconds that a credential of any kind lives at most: so long a death must be told that nothing else keeps. */
export const LONGEST_LIFE = Math.max(AGENT_TOKEN_SEC, ...Object.values(LIFETIME))

/** No certificate is asked for or given for less: renewal must be able to keep up. */
export const LIFETIME_FLOOR = 60

/** How far not-before lies in the past, so that a verifier whose clock is slow accepts a new certificate. */
export const BACKDATE = 10

/**
 * Seconds of life for a certificate of this tier. A shorter life may be asked for, a longer one or one below the floor
 * is refused with `ttl_out_of_range`, never clamped: the caller plans its renewals by what it asked for.
 */
export function lifetimeFor(tier: Tier, asked: number | undefined): number {
  const most = LIFETIME[tier]
  if (asked === undefined) return most
  if (Number.isInteger(asked) && asked >= LIFETIME_FLOOR && asked <= most) return asked
  throw new LanyardError(
    'ttl_out_of_range',
    `expected ${LIFETIME_FLOOR} to ${most} seconds for tier ${tier}, got ${asked}`,
  )
}

/** Seconds of life for what a node asks for: as its entry says, and never longer than the tier allows by now. */
export function lifetimeWithin(tier: Tier, wished: number | undefined): number {
  const most = LIFETIME[tier]
  return wished === undefined ? most : lifetimeFor(tier, Math.min(wished, most))
}

/** Seconds that tokens for workloads live where their entry does not say: they cannot be withdrawn from whoever got one. */
export const TOKEN_SEC = 300

/**
 * The wish of what ends at `end` (Unix ms; null: never): no life that goes on after it, but for the shortest that there is.
 * Who hears of no changes would else accept for minutes what was meant to be over.
 */
export function wishedUntil(end: number | null, wished: number | null, at: number): number | undefined {
  if (end === null) return wished ?? undefined
  const left = Math.max(LIFETIME_FLOOR, Math.ceil((end - at) / 1000))
  return Math.min(left, wished ?? left)
}

/** First and last second of a certificate issued at `at` (Unix ms); both count (RFC 5280, 4.1.2.5). */
export function validity(at: number, ttlSec: number): { notBefore: number; notAfter: number } {
  const second = Math.floor(at / 1000)
  return { notBefore: second - BACKDATE, notAfter: second + ttlSec - 1 }
}

/**
 * When to renew, in Unix ms: at half the life, moved by up to a tenth of that, so that a fleet that began together
 * does not come back together. `dice` is one number from 0 to 1.
 */
export function renewAfter(at: number, ttlSec: number, dice: number): number {
  const half = (ttlSec * 1000) / 2
  return Math.round(at + half * (0.9 + 0.2 * dice))
}
