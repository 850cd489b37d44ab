/** SPIFFE Workload API, 5.2.1 */
const LONGEST_HINT = 1024

/**
 * Hints by which clients choose: each once in a response, so that no second identity is taken for the first. Who is listed
 * first, the oldest, keeps it. Gives the hint to write: empty for none.
 */
export function uniqueHints(): (hint: string | null) => string {
  const given = new Set<string>()
  return hint => {
    if (hint === null || given.has(hint) || Buffer.byteLength(hint) > LONGEST_HINT) return ''
    given.add(hint)
    return hint
  }
}
