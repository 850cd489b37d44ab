import type { Listed, Page } from '@lanyard/authority'

/**
 * Rows that one page looks at where its filter cannot follow an index. A page may so come short, or empty, with a cursor
 * to go on from: the process is never held for as long as a table is long.
 */
export const EXAMINED_MAX = 10_000

/** A page from one item more than it may hold, which tells whether there is another. */
export function pageOf<T>(
  found: readonly T[],
  page: Page,
  cursorOf: (item: T) => string,
  /** Cursor of the last row that was looked at, if there may be more behind it. */
  floor: string | null = null,
): Listed<T> {
  if (found.length <= page.limit) return { items: found, next: floor }
  const items = found.slice(0, page.limit)
  return { items, next: cursorOf(items.at(-1)!) }
}

/** A change that touched no row means that a step did not look before it wrote. */
export function requireOne(changed: number, what: string): void {
  if (changed !== 1) throw new Error(`expected to write one row of ${what}, wrote ${changed}`)
}
