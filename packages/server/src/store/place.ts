/** Rows of one instance lie together, in the order of its chain: 2^40 of them, for 2^13 instances. */
const SPAN = 2 ** 40

/**
 * The key of a chained row: `instance` is the short number of the instance, `seq` counts from 1. Those of the first instance are
 * small, and SQLite keeps small numbers in few bytes.
 */
export const placeOf = (instance: number, seq: number): number => (instance - 1) * SPAN + seq

export const seqOf = (place: number): number => place % SPAN

export const instanceOf = (place: number): number => Math.floor(place / SPAN) + 1

/** First and last place that an instance can have. */
export const spanOf = (instance: number): { first: number; last: number } => ({
  first: placeOf(instance, 0),
  last: placeOf(instance, SPAN - 1),
})
