import type { Listed, Page } from '@lanyard/authority'

/** A page from one item more than it may hold, which tells whether there is another. */
export function pageOf<T>(found: readonly T[], page: Page, cursorOf: (item: T) => string): Listed<T> {
  if (found.length <= page.limit) return { items: found, next: null }
  const items = found.slice(0, page.limit)
  return { items, next: cursorOf(items.at(-1)!) }
}

/** A change that touched no row means that a step did not look before it wrote. */
export function requireOne(changed: number, what: string): void {
  if (changed !== 1) throw new Error(`expected to write one row of ${what}, wrote ${changed}`)
}
