/**
 * The known name that is closest to what somebody wrote, by the fewest letters to insert, leave out, replace or swap;
 * undefined only when nothing is known. A name that agrees after its last dot is closest of all, so that `port` finds
 * `limits.port`.
 */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of known) {
    const distance = Math.min(lettersApart(written, name), 0.5 + lettersApart(lastPart(written), lastPart(name)))
    if (distance >= least) continue
    best = name
    least = distance
  }
  return best
}

/** The same, but undefined when more than a third of the letters differ: a guess that far off would mislead. */
export function nearestWithinReach(written: string, known: Iterable<string>): string | undefined {
  const best = nearest(written, known)
  const reach = Math.max(1, Math.floor(written.length / 3))
  return best !== undefined && lettersApart(written, best) <= reach ? best : undefined
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/** Letters beyond this count for nothing: what is written may come from anybody. */
const LONGEST = 64

function lettersApart(from: string, to: string): number {
  const a = from.slice(0, LONGEST)
  const b = to.slice(0, LONGEST)
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : replaced
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced, swapped))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
