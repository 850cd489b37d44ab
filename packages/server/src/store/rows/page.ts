import type { Listed, Page } from '@lanyard/authority'

/**
 * Rows that one page looks at where its filter cannot follow an index. A page may so come short, or empty, with a cursor
 * to go on from: the process is never held for as long as a table is long.
 */
export const EXAMINED_MAX = 10_000

/**
 * Characters of what callers wrote, in one page at most. Five hundred rows of the longest were 50 MB to read, to write and
 * to keep until they were sent, and held the process for a second.
 */
export const PAGE_CHARACTERS = 1_000_000

/** What {@link pageOf} may know beside the items. */
interface Bounds<T> {
  /** Cursor of the last row that was looked at, if there may be more behind it. */
  readonly floor?: string | null | undefined
  /** Characters of what callers wrote in an item; 0 where nothing of it can be long. */
  readonly sizeOf?: (item: T) => number
}

/** A page from one item more than it may hold, which tells whether there is another. It ends early when items are long. */
export function pageOf<T>(
  found: readonly T[],
  page: Page,
  cursorOf: (item: T) => string,
  { floor = null, sizeOf = () => 0 }: Bounds<T> = {},
): Listed<T> {
  const fitting = Math.min(page.limit, countFitting(found, sizeOf))
  if (found.length <= fitting) return { items: found, next: floor }
  const items = found.slice(0, fitting)
  return { items, next: cursorOf(items.at(-1)!) }
}

/** At least one, so that every page leads on. */
function countFitting<T>(found: readonly T[], sizeOf: (item: T) => number): number {
  let left = PAGE_CHARACTERS
  const beyond = found.findIndex((item, index) => {
    left -= sizeOf(item)
    return left < 0 && index > 0
  })
  return beyond === -1 ? found.length : beyond
}

/** A change that touched no row means that a step did not look before it wrote. */
export function requireOne(changed: number, what: string): void {
  if (changed !== 1) throw new Error(`expected to write one row of ${what}, wrote ${changed}`)
}
