import type { KeyPolicy } from '@lanyard/api'
import type { EntryRows, NodeScope, ServedEntry } from '@lanyard/authority'
import { bytesOfHex, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { entriesOf } from './entries.ts'
import { type EntryRow, entryOf } from './entry-row.ts'

type ServedRow = EntryRow & { key_policy: string }

const servedOf = (row: ServedRow): ServedEntry => ({ ...entryOf(row), keyPolicy: row.key_policy as KeyPolicy })

interface Range {
  readonly tenant: string
  readonly after: number
  readonly through: number
}

/** What nodes learn of entries. */
export function entriesOfNode(context: RowContext): Pick<EntryRows, 'served' | 'changed'> {
  const entries = entriesOf(context).select('t.key_policy')
  const find = context.statements.prepareRows((a: { id: Uint8Array }) => entries.where('e.id', '=', a.id))
  const all = changes(context, false)
  const ofTenant = changes(context, true)

  return {
    *served(id, scope) {
      if (!/^[0-9a-f]{32}$/.test(id)) return undefined
      const [row] = yield* find({ id: bytesOfHex(id) })
      return row !== undefined && serves(scope, row) ? servedOf(row) : undefined
    },
    *changed(scope, { after, through, limit }) {
      const { last, changed, marks } = scope.tenant === null ? all : ofTenant
      const range = { tenant: scope.tenant ?? '', after }
      const [end] = yield* last({ ...range, through, others: limit - 1 })
      const whole: Range = { ...range, through: end?.revision ?? through }
      const rows = yield* changed(whole)
      // At the beginning a node has nothing that could be taken back.
      const gone = after === 0 ? [] : [...rows.filter(row => !serves(scope, row)), ...(yield* marks(whole))]
      return {
        entries: rows.filter(row => serves(scope, row)).map(servedOf),
        removed: gone.map(({ id }) => hexOf(id)),
        through: whole.through,
      }
    },
  }
}

function serves({ name, tenant, groups }: NodeScope, row: Pick<EntryRow, 'tenant' | 'parent'>): boolean {
  if (tenant !== null && tenant !== row.tenant) return false
  if (row.parent === null || row.parent === `node:${name}`) return true
  return groups.some(group => row.parent === `group:${group}`)
}

/** Statements over what changed in a range, of one tenant or of all. */
function changes({ statements }: RowContext, one: boolean) {
  const db = statements.kysely
  const tenantOf = (a: Range) => db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)
  const entries = entriesOf({ statements }).select('t.key_policy')
  const inRange = (a: Range) =>
    db
      .selectFrom('entries')
      .select('revision')
      .where('revision', '>', a.after)
      .where('revision', '<=', a.through)
      .$if(one, q => q.where('tenant_id', '=', tenantOf(a)))
  const marksIn = (a: Range) =>
    db
      .selectFrom('entry_marks')
      .where('revision', '>', a.after)
      .where('revision', '<=', a.through)
      .$if(one, q => q.where('tenant_id', '=', tenantOf(a)))
  return {
    /** The revision at which the limit is reached. */
    last: statements.prepareRows((a: Range & { others: number }) =>
      inRange(a).unionAll(marksIn(a).select('revision')).orderBy('revision').offset(a.others).limit(1),
    ),
    changed: statements.prepareRows((a: Range) =>
      entries
        .where('e.revision', '>', a.after)
        .where('e.revision', '<=', a.through)
        .$if(one, q => q.where('e.tenant_id', '=', tenantOf(a)))
        .orderBy('e.revision')
        .orderBy('e.no'),
    ),
    marks: statements.prepareRows((a: Range) => marksIn(a).select('id').orderBy('revision').orderBy('id')),
  }
}
