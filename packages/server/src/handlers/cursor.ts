import { createHmac, timingSafeEqual } from 'node:crypto'
import { LanyardError, type RouteId } from '@lanyard/api'
import type { Listed, Page } from '@lanyard/authority'

const TAG_BYTES = 16

/** The list that a cursor belongs to: of whom, which, filtered how. In another list it means nothing. */
export interface ListName {
  readonly route: RouteId
  /** The one tenant that the caller sees; null: all. */
  readonly tenant: string | null
  readonly filter: Readonly<Record<string, unknown>>
}

interface PageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
}

/**
 * Cursors: the place where the next page begins, under a MAC over it and the list's name, so that nobody writes one or
 * carries one over to where he sees less (CVE-2026-40264).
 */
export class Cursors {
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /** Where the page asked for begins. Throws `cursor_invalid`. */
  page(list: ListName, { limit, cursor }: PageQuery): Page {
    return { limit, after: cursor === undefined ? null : this.#open(list, cursor) }
  }

  /** A list as it is replied, its items turned by `show`. */
  reply<T, R>(
    list: ListName,
    { items, next }: Listed<T>,
    show: (item: T) => R,
  ): { items: R[]; next_cursor: string | null } {
    return { items: items.map(show), next_cursor: next === null ? null : this.#seal(list, next) }
  }

  #seal(list: ListName, place: string): string {
    const text = Buffer.from(place, 'utf8')
    return Buffer.concat([this.#tag(list, text), text]).toString('base64url')
  }

  #open(list: ListName, cursor: string): string {
    const bytes = Buffer.from(cursor, 'base64url')
    const [tag, text] = [bytes.subarray(0, TAG_BYTES), bytes.subarray(TAG_BYTES)]
    // Buffer reads base64url loosely: only what it would write itself is ours.
    const ours = tag.length === TAG_BYTES && bytes.toString('base64url') === cursor
    if (ours && timingSafeEqual(tag, this.#tag(list, text))) return text.toString('utf8')
    throw new LanyardError('cursor_invalid', 'expected the next_cursor of the same list, with the same filters')
  }

  #tag({ route, tenant, filter }: ListName, text: Buffer): Buffer {
    const name = JSON.stringify([route, tenant, Object.entries(filter).sort(byName)])
    const mac = createHmac('sha256', this.#secret)
      .update(`${Buffer.byteLength(name)}:${name}`)
      .update(text)
    return mac.digest().subarray(0, TAG_BYTES)
  }
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1)
