import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Step } from '@lanyard/authority'
import { ChainHeads } from '../chains.ts'
import { sqliteDialect } from '../dialect.ts'
import { migrations } from '../migrations/index.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'
import { idOf, thumbprint } from '../suite/samples.ts'

const db = new DatabaseSync(':memory:')
for (const migration of migrations) for (const sql of migration.up(sqliteDialect)) db.exec(sql)

const start = { seq: 0, hash: '00' }
const {
  lineages,
  agents,
  certificates,
  apiKeys,
  deaths,
  incidents,
  points,
  acks,
  services,
  nodes,
  joinTokens,
  secrets,
  bindings,
  trust,
  makers,
} = storeRows({
  statements: new Statements(sqliteDialect),
  heads: new ChainHeads('i', 1, { audit: start, issuance: start }),
  trustDomain: 1,
})

/** How SQLite would run the first statement of a step. */
function planOf(step: Step<unknown>): string {
  const { sql, parameters } = step.next().value as { sql: string; parameters: readonly unknown[] }
  const plan = db.prepare(`explain query plan ${sql}`).all(...(parameters as string[]))
  return plan.map(row => String(row.detail)).join('; ')
}

const now = 1_800_000_000_000
const key = { tenant: 't', agent: 'a' }
const when = { at: now, reason: 'x' }

// A kill holds exclusive locks while it looks for what goes along, so it must look at nothing else.
for (const [name, step, found] of [
  ['lineages by minter', lineages.linked({ mintedBy: 'x' }, 't', 9), 'l USING INDEX lineages_by_minter'],
  ['lineages by token', lineages.linked({ jti: 'x' }, 't', 9), 'b USING INDEX lineages_by_token'],
  [
    'lineages by key',
    lineages.linked({ keyThumbprint: thumbprint(1), bound: true }, 't', 9),
    'c USING INDEX certificates_by_key',
  ],
  [
    'lineages by bound key',
    lineages.linked({ keyThumbprint: thumbprint(1), bound: true }, 't', 9),
    'lineages_by_bound_key',
  ],
  [
    'lineages from a key',
    lineages.linked({ keyThumbprint: thumbprint(1), bound: true }, 't', 9),
    'l USING INTEGER PRIMARY KEY',
  ],
  ['lineages by source', lineages.linked({ source: 'x', now }, 't', 9), 'certificates_by_source (source=? AND'],
  ['lineages from a source', lineages.linked({ source: 'x', now }, 't', 9), 'l USING INTEGER PRIMARY KEY'],
  ['lineages of an agent', lineages.ofAgent(key), 'lineages_held (tenant_id=? AND agent_id=?)'],
  ['the end of an agent’s lineages', lineages.endAll(key), 'lineages_held (tenant_id=? AND agent_id=?)'],
  ['the end of a tenant’s lineages', lineages.endAllOf('t'), 'lineages_held (tenant_id=?)'],
  ['a claim', lineages.claim(idOf(1)), 'sqlite_autoindex_lineages_1 (id=?)'],
  ['agents that hold something', agents.holding('t'), 'lineages_held (tenant_id=?)'],
  ['revocation with an agent', certificates.revoke(key, when), 'agent_id=? AND issued_at>?'],
  ['revocation with a lineage', certificates.revoke({ lineage: idOf(1) }, when), 'agent_id=? AND issued_at>?'],
  [
    'revocation with lineages of an agent',
    certificates.revoke({ ...key, lineages: [idOf(1), idOf(2)] }, when),
    'agent_id=? AND issued_at>?',
  ],
  ['revocation with a tenant', certificates.revoke({ tenant: 't' }, when), 'tenant_id=? AND issued_at>?'],
  ['what an API key made', apiKeys.revokeTree('x', now), 'k USING INDEX api_keys_by_maker'],
  ['nodes that an API key let in', nodes.joinedBy('api-key:x', 9), 'n USING INDEX nodes_by_joiner (joined_by=?)'],
  [
    'nodes that are known by a key',
    nodes.withKey(thumbprint(1), null),
    'n USING INDEX nodes_by_key (key_thumbprint=?)',
  ],
  ['join tokens of an API key', joinTokens.removeOf('api-key:x'), 'join_tokens_by_maker (created_by=?)'],
  ['secrets that an API key made', secrets.madeBy('api-key:x'), 's USING INDEX agent_secrets_by_maker (created_by=?)'],
  ['roles that an API key gave', bindings.madeBy('api-key:x'), 'bindings_by_maker (created_by=?)'],
  ['who vouches by its word', trust.by('api-key:x'), 'trusted_settings_by_maker (maker=?)'],
  ['who made anything', makers.beginning('principal:x'), 'api_keys_by_maker (created_by>? AND created_by<?)'],
  ['who opened anything', makers.beginning('principal:x'), 'lineages_by_minter (minted_by>? AND minted_by<?)'],
  ['who let a machine in', makers.beginning('principal:x'), 'nodes_by_joiner (joined_by>? AND joined_by<?)'],
  ['API keys that a principal made', apiKeys.madeBy('principal:x'), 'api_keys_by_maker (created_by=?)'],
  ['what an agent is bound to', bindings.ofAgent('x'), 'bindings_by_bindee (value=? AND kind=?)'],
  ['a death', deaths.find('key', 'x'), 'PRIMARY KEY (kind=? AND value=?)'],
  [
    'two deaths',
    deaths.among([
      ['key', 'x'],
      ['issuer', 'x'],
    ]),
    'MULTI-INDEX OR',
  ],
  ['deaths by epoch', deaths.since(5, 9), 'deaths_by_epoch (epoch>?)'],
  ['incidents with work', incidents.unfinished(now, 9), 'incident_steps USING INDEX incident_steps_waiting'],
  ['incidents that lapse', incidents.lapsed(now, 9), 'incidents_by_ttl'],
  ['when the incident of an epoch lapses', incidents.lapseAt(5), 'incidents_by_epoch (state=? AND epoch=?)'],
  ['points with a lease', points.leasedAt(now), 'points_by_lease (leased_until>?)'],
  ['points that are silent', points.unheard(now, 5, 9), 'k USING COVERING INDEX'],
  [
    'leases of an agent',
    points.leases({ tenant: 't', agent: 'a' }, now),
    'points_of_agent (tenant_id=? AND agent_id=? AND leased_until>?)',
  ],
  ['what a point shall acknowledge', acks.wanted('x', 5), 'incidents_by_epoch (state=? AND epoch>? AND epoch<?)'],
  ['what covers an epoch', acks.covering(5), 'COVERING INDEX acks_by_epoch (epoch>?)'],
  ['a service', services.find(key, 'x'), 'PRIMARY KEY (agent_id=? AND url=?)'],
  ['how many services', services.count(key), 'PRIMARY KEY (agent_id=?)'],
] as const) {
  test(`${name}: found by index`, () => {
    const plan = planOf(step)
    assert.ok(plan.includes(found), plan)
    assert.doesNotMatch(plan, /SCAN (l|lineages|c|certificates|a|agents|k|api_keys|deaths|incidents|p|acks|s)\b/)
  })
}

const page = { limit: 9, after: null }

for (const [name, list, index] of [
  ['incidents', (after: string | null) => incidents.list({}, { ...page, after }), 'incidents_by_time'],
  ['open ones', (after: string | null) => incidents.list({ state: 'open' }, { ...page, after }), 'incidents_by_state'],
  ['a tenant', (after: string | null) => incidents.list({ tenant: 't' }, { ...page, after }), 'incidents_of_tenant '],
  [
    'open ones of a tenant',
    (after: string | null) => incidents.list({ tenant: 't', state: 'open' }, { ...page, after }),
    'incidents_of_tenant_by_state',
  ],
] as const) {
  test(`the list of incidents of ${name} walks ${index} in order`, () => {
    for (const after of [null, '1800000000000.abc']) {
      const plan = planOf(list(after))
      assert.ok(`${plan} `.includes(index), plan)
      assert.doesNotMatch(plan, /TEMP B-TREE/)
    }
  })
}

test('the list of services walks its index in order', () => {
  for (const [filter, index] of [
    [{}, 'services_by_id'],
    [{ spiffeId: 's' }, 'services_by_id'],
    [{ tenant: 't' }, 'services_of_tenant'],
  ] as const) {
    for (const after of [null, 's https://a']) {
      const plan = planOf(services.list({ ...filter, now }, { limit: 9, after }))
      assert.ok(plan.includes(index), plan)
      assert.doesNotMatch(plan, /TEMP B-TREE/)
    }
  }
})
