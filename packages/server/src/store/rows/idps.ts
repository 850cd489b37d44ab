import type { Tier } from '@lanyard/api'
import type { IdpRows, IdpState } from '@lanyard/authority'
import type { IdpTable } from '../access-tables.ts'
import { bytesOfHex, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'
import { requireTenantId } from './tenant-id.ts'

type IdpRow = Omit<IdpTable, 'tenant_id'> & { tenant: string }

const idpOf = (row: IdpRow): IdpState => ({
  id: hexOf(row.id),
  tenant: row.tenant,
  issuer: row.issuer,
  jwksUri: row.jwks_uri,
  audiences: JSON.parse(row.audiences) as string[],
  algorithms: JSON.parse(row.algorithms) as string[],
  agentClaim: row.agent_claim,
  requiredClaims: JSON.parse(row.required_claims) as Record<string, unknown>,
  maxTokenAgeSec: row.max_token_age_sec,
  tier: row.tier as Tier,
  enabled: row.enabled === 1,
  allowAgentFederation: row.allow_agent_federation === 1,
  createdBy: row.created_by,
  updatedBy: row.updated_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** What may change, as it is stored. */
const writtenOf = (idp: IdpState) => ({
  id: bytesOfHex(idp.id),
  jwksUri: idp.jwksUri,
  audiences: JSON.stringify(idp.audiences),
  algorithms: JSON.stringify(idp.algorithms),
  agentClaim: idp.agentClaim,
  requiredClaims: JSON.stringify(idp.requiredClaims),
  maxTokenAgeSec: idp.maxTokenAgeSec,
  tier: idp.tier,
  enabled: Number(idp.enabled),
  allowAgentFederation: Number(idp.allowAgentFederation),
  updatedBy: idp.updatedBy,
  updatedAt: idp.updatedAt,
})

type Written = ReturnType<typeof writtenOf>

const columnsOf = (a: Written) => ({
  jwks_uri: a.jwksUri,
  audiences: a.audiences,
  algorithms: a.algorithms,
  agent_claim: a.agentClaim,
  required_claims: a.requiredClaims,
  max_token_age_sec: a.maxTokenAgeSec,
  tier: a.tier,
  enabled: a.enabled,
  allow_agent_federation: a.allowAgentFederation,
  updated_by: a.updatedBy,
  updated_at: a.updatedAt,
})

/** An id that no provider can have finds none: it comes from a path, or from a kill. */
const keyOf = (id: string): Uint8Array | null => (/^[0-9a-f]{32}$/.test(id) ? bytesOfHex(id) : null)

export function idpRows(context: RowContext): IdpRows {
  return { ...lookUps(context), ...changes(context) }
}

function lookUps({ statements }: RowContext): Omit<IdpRows, 'insert' | 'update' | 'remove'> {
  const db = statements.kysely
  const from = db
    .selectFrom('idps as i')
    .innerJoin('tenants as t', 't.id', 'i.tenant_id')
    .selectAll('i')
    .select('t.tenant')
  const findById = statements.prepareRows((a: { id: Uint8Array }) => from.where('i.id', '=', a.id))
  const findByIssuer = statements.prepareRows((a: { tenant: string; issuer: string }) =>
    from.where('t.tenant', '=', a.tenant).where('i.issuer', '=', a.issuer),
  )
  const ofTenant = (tenant: string) =>
    db.selectFrom('idps').where('tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', tenant))
  const vouching = statements.prepareRows((a: { tenant: string }) =>
    ofTenant(a.tenant).select('id').where('enabled', '=', 1).where('allow_agent_federation', '=', 1).limit(1),
  )
  const count = statements.prepareRows((a: { tenant: string }) =>
    ofTenant(a.tenant).select(eb => eb.fn.countAll<number>().as('count')),
  )

  function* byId(id: string) {
    const key = keyOf(id)
    if (key === null) return undefined
    const [row] = yield* findById({ id: key })
    return row && idpOf(row)
  }

  return {
    findById: byId,
    *find(tenant, id) {
      const idp = yield* byId(id)
      return idp?.tenant === tenant ? idp : undefined
    },
    *findByIssuer(tenant, issuer) {
      const [row] = yield* findByIssuer({ tenant, issuer })
      return row && idpOf(row)
    },
    *federates(tenant) {
      return (yield* vouching({ tenant })).length > 0
    },
    *count(tenant) {
      return (yield* count({ tenant }))[0]!.count
    },
    *list({ tenant, enabled }, page) {
      const rows = yield* statements.query(
        from
          .where('t.tenant', '=', tenant)
          .$if(enabled !== undefined, q => q.where('i.enabled', '=', Number(enabled)))
          .$if(page.after !== null, q => q.where('i.issuer', '>', page.after!))
          .orderBy('i.issuer')
          .limit(page.limit + 1),
      )
      const sizeOf = (row: IdpRow) => row.audiences.length + row.required_claims.length
      const { items, next } = pageOf(rows, page, ({ issuer }) => issuer, { sizeOf })
      return { items: items.map(idpOf), next }
    },
  }
}

type Fixed = Pick<IdpState, 'issuer' | 'createdBy' | 'createdAt'> & { readonly tenantId: number }

function changes(context: RowContext): Pick<IdpRows, 'insert' | 'update' | 'remove'> {
  const { statements } = context
  const db = statements.kysely
  const insert = statements.prepareChange((a: Written & Fixed) =>
    db.insertInto('idps').values({
      ...{ id: a.id, tenant_id: a.tenantId, issuer: a.issuer, ...columnsOf(a) },
      ...{ created_by: a.createdBy, created_at: a.createdAt },
    }),
  )
  const update = statements.prepareChange((a: Written) =>
    db.updateTable('idps').set(columnsOf(a)).where('id', '=', a.id),
  )
  const remove = statements.prepareChange((a: { tenant: string; id: Uint8Array }) =>
    db
      .deleteFrom('idps')
      .where('id', '=', a.id)
      .where('tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)),
  )
  return {
    *insert(idp) {
      const tenantId = (yield* requireTenantId(context, idp.tenant))!
      const { issuer, createdBy, createdAt } = idp
      requireOne(yield* insert({ ...writtenOf(idp), tenantId, issuer, createdBy, createdAt }), 'identity provider')
    },
    *update(idp) {
      requireOne(yield* update(writtenOf(idp)), 'identity provider')
    },
    *remove(tenant, id) {
      requireOne(yield* remove({ tenant, id: bytesOfHex(id) }), 'identity provider')
    },
  }
}
