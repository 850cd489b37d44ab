import type { BindeeKind, BindeeState, BindingRows, BindingState } from '@lanyard/authority'
import type { BindingTable } from '../access-tables.ts'
import { bytesOfHex, cursorInvalid, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { idOfHex } from './hex-id.ts'
import { pageOf, requireOne } from './page.ts'

const bindingOf = (row: BindingTable): BindingState => ({
  id: hexOf(row.id),
  kind: row.kind as BindeeKind,
  issuer: row.issuer === null ? null : hexOf(row.issuer),
  value: row.value,
  role: row.role,
  tenant: row.tenant,
  agents: row.agents,
  createdBy: row.created_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})

export function bindingRows({ statements }: RowContext): BindingRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { id: Uint8Array }) =>
    db.selectFrom('bindings').selectAll().where('id', '=', a.id),
  )
  const remove = statements.prepareChange((a: { id: Uint8Array }) => db.deleteFrom('bindings').where('id', '=', a.id))
  const madeBy = statements.prepareRows((a: { maker: string }) =>
    db.selectFrom('bindings').selectAll().where('created_by', '=', a.maker),
  )
  const ofAgent = statements.prepareRows((a: { spiffeId: string }) =>
    db.selectFrom('bindings').selectAll().where('value', '=', a.spiffeId).where('kind', '=', 'spiffe-id'),
  )
  const removeOfIssuer = statements.prepareChangedRows((a: { issuer: Uint8Array }) =>
    db.deleteFrom('bindings').where('issuer', '=', a.issuer).returningAll(),
  )

  return {
    *find(id) {
      const key = idOfHex(id)
      const [row] = key === null ? [] : yield* find({ id: key })
      return row && bindingOf(row)
    },
    *insert(binding) {
      const { id, kind, issuer, value, role, tenant, agents } = binding
      const columns = { kind, value, role, tenant, agents, created_by: binding.createdBy }
      const times = { created_at: binding.createdAt, expires_at: binding.expiresAt }
      const ids = { id: bytesOfHex(id), issuer: issuer === null ? null : bytesOfHex(issuer) }
      const changed = yield* statements.change(db.insertInto('bindings').values({ ...ids, ...columns, ...times }))
      requireOne(changed, 'binding')
    },
    *remove(id) {
      requireOne(yield* remove({ id: bytesOfHex(id) }), 'binding')
    },
    *of(bindees) {
      if (bindees.length === 0) return []
      const rows = yield* statements.query(
        db
          .selectFrom('bindings')
          .selectAll()
          .where(eb =>
            eb.or(
              sorted(bindees).map(({ kind, issuer, values }) =>
                eb.and([
                  eb('value', 'in', values),
                  eb('kind', '=', kind),
                  issuer === null ? eb('issuer', 'is', null) : eb('issuer', '=', bytesOfHex(issuer)),
                ]),
              ),
            ),
          )
          .orderBy('created_at')
          .orderBy('id'),
      )
      return rows.map(bindingOf)
    },
    *removeOfIssuer(issuer) {
      return (yield* removeOfIssuer({ issuer: bytesOfHex(issuer) })).map(bindingOf)
    },
    *ofAgent(spiffeId) {
      return (yield* ofAgent({ spiffeId })).map(bindingOf)
    },
    *madeBy(maker) {
      return (yield* madeBy({ maker })).map(bindingOf)
    },
    *ofIssuer(issuer) {
      const rows = yield* statements.query(
        db.selectFrom('bindings').selectAll().where('issuer', '=', bytesOfHex(issuer)),
      )
      return rows.map(bindingOf)
    },
    *count(tenant) {
      const rows = yield* statements.query(
        db
          .selectFrom('bindings')
          .select(eb => eb.fn.countAll<number>().as('count'))
          .where('tenant', tenant === null ? 'is' : '=', tenant),
      )
      return rows[0]!.count
    },
    *list({ tenant, role, kind }, page) {
      const after = page.after === null ? null : placeOfCursor(page.after)
      const rows = yield* statements.query(
        db
          .selectFrom('bindings')
          .selectAll()
          .$if(tenant !== undefined, q => q.where('tenant', tenant === null ? 'is' : '=', tenant!))
          .$if(role !== undefined, q => q.where('role', '=', role!))
          .$if(kind !== undefined, q => q.where('kind', '=', kind!))
          .$if(after !== null, q =>
            q.where(eb => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(after!.createdAt, after!.id))),
          )
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(bindingOf), page, ({ createdAt, id }) => `${createdAt}.${id}`)
    },
  }
}

interface Sorted {
  readonly kind: BindeeKind
  readonly issuer: string | null
  readonly values: string[]
}

/** By kind and issuer, so that a principal in two hundred groups asks one short question. */
function sorted(bindees: readonly BindeeState[]): readonly Sorted[] {
  const found = new Map<string, Sorted>()
  for (const { kind, issuer, value } of bindees) {
    const key = `${kind} ${issuer ?? ''}`
    const one = found.get(key) ?? { kind, issuer, values: [] }
    one.values.push(value)
    found.set(key, one)
  }
  return [...found.values()]
}

function placeOfCursor(after: string): { createdAt: number; id: Uint8Array } {
  const match = /^(\d{1,16})\.([0-9a-f]{32})$/.exec(after)
  if (!match) throw cursorInvalid()
  return { createdAt: Number(match[1]), id: bytesOfHex(match[2]!) }
}
