import type { IssuerRows, IssuerState } from '@lanyard/authority'
import type { IssuerOfPrincipalsTable } from '../access-tables.ts'
import { bytesOfHex, cursorInvalid, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { idOfHex } from './hex-id.ts'
import { pageOf, requireOne } from './page.ts'

const issuerOf = (row: IssuerOfPrincipalsTable): IssuerState => ({
  id: hexOf(row.id),
  issuer: row.issuer,
  tenant: row.tenant,
  jwksUri: row.jwks_uri,
  audiences: JSON.parse(row.audiences) as string[],
  algorithms: JSON.parse(row.algorithms) as string[],
  claims: JSON.parse(row.claims) as IssuerState['claims'],
  maxTokenAgeSec: row.max_token_age_sec,
  introspection: row.introspection === null ? null : (JSON.parse(row.introspection) as IssuerState['introspection']),
  introspectionSecret: row.introspection_secret,
  login: row.login === null ? null : (JSON.parse(row.login) as IssuerState['login']),
  enabled: row.enabled === 1,
  createdBy: row.created_by,
  updatedBy: row.updated_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** What may change of an issuer, as columns. */
const settingsOf = (issuer: IssuerState) => ({
  jwks_uri: issuer.jwksUri,
  audiences: JSON.stringify(issuer.audiences),
  algorithms: JSON.stringify(issuer.algorithms),
  claims: JSON.stringify(issuer.claims),
  max_token_age_sec: issuer.maxTokenAgeSec,
  introspection: issuer.introspection && JSON.stringify(issuer.introspection),
  introspection_secret: issuer.introspectionSecret,
  login: issuer.login && JSON.stringify(issuer.login),
  enabled: issuer.enabled ? 1 : 0,
  updated_by: issuer.updatedBy,
  updated_at: issuer.updatedAt,
})

export function issuerRows({ statements }: RowContext): IssuerRows {
  const db = statements.kysely
  const issuers = db.selectFrom('issuers_of_principals').selectAll()
  const find = statements.prepareRows((a: { id: Uint8Array }) => issuers.where('id', '=', a.id))
  const named = statements.prepareRows((a: { issuer: string }) =>
    issuers.where('issuer', '=', a.issuer).where('enabled', '=', 1).orderBy('tenant'),
  )
  const introspecting = (tenant: string | null) =>
    issuers
      .where('introspection', 'is not', null)
      .where('enabled', '=', 1)
      .where('tenant', tenant === null ? 'is' : '=', tenant)
  const remove = statements.prepareChange((a: { id: Uint8Array }) =>
    db.deleteFrom('issuers_of_principals').where('id', '=', a.id),
  )

  return {
    *find(id) {
      const key = idOfHex(id)
      const [row] = key === null ? [] : yield* find({ id: key })
      return row && issuerOf(row)
    },
    *byIssuer(issuer) {
      const found = (yield* named({ issuer })).map(issuerOf)
      // Where nulls stand in an order is not the same in every database.
      return [...found.filter(one => one.tenant === null), ...found.filter(one => one.tenant !== null)]
    },
    *has(issuer, tenant) {
      const rows = yield* statements.query(
        db
          .selectFrom('issuers_of_principals')
          .select('id')
          .where('issuer', '=', issuer)
          .where('tenant', tenant === null ? 'is' : '=', tenant),
      )
      return rows.length > 0
    },
    *introspecting(tenant) {
      const [row] = yield* statements.query(introspecting(tenant))
      return row && issuerOf(row)
    },
    *insert(issuer) {
      const { id, issuer: name, tenant, createdBy, createdAt } = issuer
      const own = { id: bytesOfHex(id), issuer: name, tenant, created_by: createdBy, created_at: createdAt }
      const values = { ...own, ...settingsOf(issuer) }
      requireOne(yield* statements.change(db.insertInto('issuers_of_principals').values(values)), 'issuer')
    },
    *update(issuer) {
      const changed = yield* statements.change(
        db.updateTable('issuers_of_principals').set(settingsOf(issuer)).where('id', '=', bytesOfHex(issuer.id)),
      )
      requireOne(changed, 'issuer')
    },
    *remove(id) {
      requireOne(yield* remove({ id: bytesOfHex(id) }), 'issuer')
    },
    *count(tenant) {
      const rows = yield* statements.query(
        db
          .selectFrom('issuers_of_principals')
          .select(eb => eb.fn.countAll<number>().as('count'))
          .where('tenant', tenant === null ? 'is' : '=', tenant),
      )
      return rows[0]!.count
    },
    *list({ tenant }, page) {
      const after = page.after === null ? null : placeOfCursor(page.after)
      const rows = yield* statements.query(
        issuers
          .$if(tenant !== undefined, q => q.where(eb => eb.or([eb('tenant', '=', tenant!), eb('tenant', 'is', null)])))
          .$if(after !== null, q =>
            q.where(eb => eb(eb.refTuple('issuer', 'id'), '>', eb.tuple(after!.issuer, after!.id))),
          )
          .orderBy('issuer')
          .orderBy('id')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(issuerOf), page, ({ issuer, id }) => `${id}.${issuer}`)
    },
  }
}

function placeOfCursor(after: string): { issuer: string; id: Uint8Array } {
  const match = /^([0-9a-f]{32})\.(.+)$/s.exec(after)
  if (!match) throw cursorInvalid()
  return { id: bytesOfHex(match[1]!), issuer: match[2]! }
}
