import process from 'node:process'

/**
 * Milliseconds of the machine's monotonic clock. Every process here reads the same one, in whatever network namespace,
 * so that times of the caller, the service and the authority can be compared without a guess.
 */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6

/** What to add to Unix milliseconds to get {@link monotonic}: the authority writes its times by the wall clock. */
export function wallToMonotonic(): number {
  let offset = Number.POSITIVE_INFINITY
  // Date.now() is cut to whole milliseconds: the least difference is the one read just after it ticked.
  for (const end = monotonic() + 3; monotonic() < end; ) {
    const wall = Date.now()
    offset = Math.min(offset, monotonic() - wall)
  }
  return offset
}

export const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))
