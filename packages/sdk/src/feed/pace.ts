const FIRST_MS = 60
const LONGEST_MS = 4_000

/**
 * How long to wait before the feed is connected to again, after so many failures in a row (1, 2, …), in milliseconds. At
 * first far within the budget, and a random half to whole of it, so that a fleet which lost one instance does not come to
 * the next one at once.
 */
export function paceOf(failures: number, random: () => number): number {
  const whole = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS)
  return Math.round(whole / 2 + (random() * whole) / 2)
}
