import type { EntryFilter, EntryRows, Page } from '@lanyard/authority'
import { sql } from 'kysely'
import { numbersOfCursor } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { entriesOf } from './entries.ts'
import { type EntryRow, entryOf } from './entry-row.ts'
import { EXAMINED_MAX, pageOf } from './page.ts'

/** Lists of registration entries, oldest first. */
export function entryList(context: RowContext): Pick<EntryRows, 'list'> {
  const { statements } = context
  const db = statements.kysely
  const entries = entriesOf(context)
  const position = statements.dialect.name === 'postgres' ? 'strpos' : 'instr'

  return {
    *list(filter, page) {
      const floor = isNarrowed(filter) ? yield* last(filter, page) : undefined
      const rows = yield* statements.query(
        narrowed(walk(filter, page), filter)
          .$if(floor !== undefined, q => q.where('e.no', '<=', floor!))
          .limit(page.limit + 1),
      )
      const { items, next } = pageOf(rows, page, cursorOf, { floor: floor?.toString(), sizeOf: written })
      return { items: items.map(entryOf), next }
    },
  }

  function* last(filter: EntryFilter, page: Page) {
    const [row] = yield* statements.query(
      walk(filter, page)
        .offset(EXAMINED_MAX - 1)
        .limit(1),
    )
    return row?.no
  }

  // What an index can follow, in its order.
  function walk({ tenant, agent }: EntryFilter, { after }: Page) {
    const tenants = db
      .selectFrom('tenants')
      .select('id')
      .where('tenant', '=', tenant ?? '')
    const agents = db
      .selectFrom('agents')
      .select('id')
      .where('tenant_id', '=', tenants)
      .where('agent', '=', agent ?? '')
    return entries
      .$if(tenant !== undefined && agent === undefined, q => q.where('e.tenant_id', '=', tenants))
      .$if(tenant !== undefined && agent !== undefined, q => q.where('e.agent_id', '=', agents))
      .$if(after !== null, q => q.where('e.no', '>', numbersOfCursor(after!, 1)[0]!))
      .orderBy('e.no')
  }

  // As a JSON string no selector is a part of another.
  function narrowed(query: ReturnType<typeof walk>, { tenant, agent, parent, selector }: EntryFilter) {
    return query
      .$if(tenant === undefined && agent !== undefined, q => q.where('a.agent', '=', agent!))
      .$if(parent !== undefined, q => q.where('e.parent', '=', parent!))
      .$if(selector !== undefined, q =>
        q.where(sql<boolean>`${sql.raw(position)}(${sql.ref('e.selectors')}, ${JSON.stringify(selector)}) > 0`),
      )
  }
}

const isNarrowed = ({ tenant, agent, parent, selector }: EntryFilter) =>
  parent !== undefined || selector !== undefined || (tenant === undefined && agent !== undefined)

const cursorOf = ({ no }: EntryRow) => `${no}`

const written = ({ selectors, dns_names, federates_with, hint }: EntryRow) =>
  selectors.length + dns_names.length + federates_with.length + (hint?.length ?? 0)
