const FIRST_MS = 1_000
const LONGEST_MS = 30_000

/**
 * How long to wait after the n-th failure in a row (1, 2, …), in milliseconds: doubling from a second to half a minute,
 * of which a random half to whole, so that a fleet that failed together does not come back together.
 */
export function backoff(failures: number, random: () => number): number {
  const whole = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS)
  return Math.round(whole / 2 + (random() * whole) / 2)
}
