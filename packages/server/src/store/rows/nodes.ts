import type { NodeMethod } from '@lanyard/api'
import type { NodeRows, NodeState } from '@lanyard/authority'
import { bytesOfHex, bytesOfThumbprint, hexOf, thumbprintOf } from '../encoding.ts'
import type { NodeTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'
import { requireTenantId } from './tenant-id.ts'

type NodeRow = Omit<NodeTable, 'tenant_id'> & { tenant: string | null }

const nodeOf = (row: NodeRow): NodeState => ({
  node: hexOf(row.node),
  name: row.name,
  tenant: row.tenant,
  groups: JSON.parse(row.groups) as string[],
  spiffeId: row.spiffe_id,
  method: row.method as NodeMethod,
  joinedBy: row.joined_by,
  keyThumbprint: thumbprintOf(row.key_thumbprint),
  serial: hexOf(row.serial),
  notAfter: row.not_after,
  attestedAt: row.attested_at,
  renewedAt: row.renewed_at,
  bannedAt: row.banned_at,
  banReason: row.ban_reason,
})

const written = ({ node, groups, keyThumbprint, serial, ...state }: NodeState) => ({
  ...state,
  node: bytesOfHex(node),
  groups: JSON.stringify(groups),
  keyThumbprint: bytesOfThumbprint(keyThumbprint),
  serial: bytesOfHex(serial),
})
type Written = ReturnType<typeof written>

const IS_NODE = /^[0-9a-f]{32}$/

export function nodeRows(context: RowContext): NodeRows {
  const { statements } = context
  const db = statements.kysely
  const nodes = db
    .selectFrom('nodes as n')
    .leftJoin('tenants as t', 't.id', 'n.tenant_id')
    .selectAll('n')
    .select('t.tenant')
  const find = statements.prepareRows((a: { node: Uint8Array }) => nodes.where('n.node', '=', a.node))
  const ofTenant = statements.prepareRows((a: { tenant: string; name: string }) =>
    nodes.where('t.tenant', '=', a.tenant).where('n.name', '=', a.name),
  )
  const ofNone = statements.prepareRows((a: { name: string }) =>
    nodes.where('n.tenant_id', 'is', null).where('n.name', '=', a.name),
  )
  const joined = statements.prepareRows((a: { maker: string; limit: number }) =>
    nodes.where('n.joined_by', '=', a.maker).where('n.banned_at', 'is', null).limit(a.limit),
  )
  const joinedIn = statements.prepareRows((a: { maker: string; limit: number; tenant: string }) =>
    nodes
      .where('n.joined_by', '=', a.maker)
      .where('n.banned_at', 'is', null)
      .where('t.tenant', '=', a.tenant)
      .limit(a.limit),
  )
  const known = statements.prepareRows((a: { key: Uint8Array }) => nodes.where('n.key_thumbprint', '=', a.key))
  const remove = statements.prepareChange((a: { node: Uint8Array }) =>
    db.deleteFrom('nodes').where('node', '=', a.node),
  )
  const write = writes(context)

  return {
    *find(node) {
      if (!IS_NODE.test(node)) return undefined
      const [row] = yield* find({ node: bytesOfHex(node) })
      return row && nodeOf(row)
    },
    *findByName(tenant, name) {
      const [row] = yield* tenant === null ? ofNone({ name }) : ofTenant({ tenant, name })
      return row && nodeOf(row)
    },
    *joinedBy(maker, limit, tenant = null) {
      const found = yield* tenant === null ? joined({ maker, limit }) : joinedIn({ maker, limit, tenant })
      return found.map(nodeOf)
    },
    *withKey(keyThumbprint, tenant) {
      const found = (yield* known({ key: bytesOfThumbprint(keyThumbprint) })).map(nodeOf)
      return tenant === null ? found : found.filter(node => node.tenant === tenant)
    },
    *insert(node) {
      const tenantId = yield* requireTenantId(context, node.tenant)
      requireOne(yield* write.insert({ ...written(node), tenantId }), 'node')
    },
    *update(node) {
      requireOne(yield* write.update(written(node)), 'node')
    },
    *remove(node) {
      requireOne(yield* remove({ node: bytesOfHex(node) }), 'node')
    },
    *list({ tenant, name }, page) {
      const order = tenant === undefined ? 'n.spiffe_id' : 'n.name'
      const rows = yield* statements.query(
        nodes
          .$if(tenant !== undefined, q =>
            q.where('n.tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', tenant!)),
          )
          .$if(name !== undefined, q => q.where('n.name', '=', name!))
          .$if(page.after !== null, q => q.where(order, '>', page.after!))
          .orderBy(order)
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(nodeOf), page, node => (tenant === undefined ? node.spiffeId : node.name))
    },
  }
}

function writes({ statements }: RowContext) {
  const db = statements.kysely
  const columns = (a: Written) => ({
    groups: a.groups,
    method: a.method,
    joined_by: a.joinedBy,
    key_thumbprint: a.keyThumbprint,
    serial: a.serial,
    not_after: a.notAfter,
    attested_at: a.attestedAt,
    renewed_at: a.renewedAt,
    banned_at: a.bannedAt,
    ban_reason: a.banReason,
  })
  return {
    insert: statements.prepareChange((a: Written & { tenantId: number | null }) =>
      db.insertInto('nodes').values({
        node: a.node,
        tenant_id: a.tenantId,
        name: a.name,
        spiffe_id: a.spiffeId,
        ...columns(a),
      }),
    ),
    update: statements.prepareChange((a: Written) =>
      db.updateTable('nodes').set(columns(a)).where('node', '=', a.node),
    ),
  }
}
