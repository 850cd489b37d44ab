import { number, type Outcome, text } from './command.ts'
import { table, visible } from './layout.ts'

/** Options of every list. */
export const PAGE = {
  limit: number('N', 'At most so many, 1 to 500; 100 where not given'),
  cursor: text('CURSOR', 'Go on where the list before ended'),
} as const

interface Listed<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

/** A page of a list: the reply itself, or a table of one row to an item. */
export const listing = <T>(
  reply: Listed<T>,
  headings: readonly string[],
  row: (item: T) => readonly unknown[],
): Outcome => longListing(reply, headings, item => [row(item)])

/** The same for items that need several rows each. */
export function longListing<T>(
  reply: Listed<T>,
  headings: readonly string[],
  rows: (item: T) => readonly (readonly unknown[])[],
): Outcome {
  return {
    json: reply,
    text: paint => {
      if (reply.items.length === 0) return paint.faint('none')
      const shown = table(headings, reply.items.flatMap(rows), paint)
      return reply.next_cursor === null
        ? shown
        : `${shown}\n${paint.faint(`more: --cursor ${visible(reply.next_cursor)}`)}`
    },
  }
}

/** What `--json` prints for a call whose reply has no body. */
export const NO_REPLY = {}
