import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Listed, Step } from '@lanyard/authority'
import { ChainHeads } from '../chains.ts'
import { sqliteDialect } from '../dialect.ts'
import { migrations } from '../migrations/index.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'

const db = new DatabaseSync(':memory:')
for (const migration of migrations) for (const sql of migration.up(sqliteDialect)) db.exec(sql)

const start = { seq: 0, hash: '00' }
const rows = storeRows({
  statements: new Statements(sqliteDialect),
  heads: new ChainHeads('i', 1, { audit: start, issuance: start }),
  trustDomain: 1,
})

/** How SQLite would run the statements that a step makes, each answered with no row. */
function plansOf<T>(step: Step<Listed<T>>): string[] {
  const plans: string[] = []
  for (let turn = step.next(); !turn.done; turn = step.next([])) {
    const { sql, parameters } = turn.value
    const plan = db.prepare(`explain query plan ${sql}`).all(...(parameters as string[]))
    plans.push(plan.map(row => String(row.detail)).join('; '))
  }
  return plans
}

const page = { limit: 10, after: null }
const now = 1_800_000_000_000

// A list that sorts or scans would hold the process for as long as the table is long.
for (const [name, index, list] of [
  [
    'certificates',
    'certificates_by_time',
    (after: string | null) => rows.certificates.list({ now }, { ...page, after }),
  ],
  [
    'certificates alive',
    'certificates_by_time',
    (after: string | null) => rows.certificates.list({ now, alive: true }, { ...page, after }),
  ],
  [
    'certificates of a tenant',
    'certificates_of_tenant',
    (after: string | null) => rows.certificates.list({ now, tenant: 't' }, { ...page, after }),
  ],
  [
    'certificates of an agent',
    'certificates_of_agent',
    (after: string | null) => rows.certificates.list({ now, tenant: 't', agent: 'a' }, { ...page, after }),
  ],
  [
    'certificates alive of an agent',
    'certificates_of_agent',
    (after: string | null) => rows.certificates.list({ now, tenant: 't', agent: 'a', alive: true }, { ...page, after }),
  ],
] as const) {
  test(`the list of ${name} walks ${index} in order`, () => {
    for (const after of [null, '1800000000000.7']) {
      for (const plan of plansOf(list(after))) {
        assert.match(plan, new RegExp(`(SEARCH|SCAN) c USING (COVERING )?INDEX ${index}`))
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
      }
    }
  })
}

for (const [name, index, filter] of [
  ['all', 'events_by_time', {}],
  ['a time', 'events_by_time', { since: 1, until: 2 }],
  ['a type', 'events_by_time', { type: 'agent.created' }],
  ['a tenant', 'events_of_tenant', { tenant: 't' }],
  ['a type of a tenant', 'events_of_tenant', { tenant: 't', type: 'agent.created' }],
  ['an agent', 'events_of_agent', { tenant: 't', agent: 'a', since: 1 }],
] as const) {
  test(`the list of events of ${name} walks ${index} in order`, () => {
    const plans = plansOf(rows.events.list(filter, page))
    const plan = plans.find(text => text.includes(' events '))
    assert.match(plan!, new RegExp(`INDEX ${index}`))
    assert.doesNotMatch(plan!, /TEMP B-TREE FOR ORDER BY/)
  })
}

for (const [name, index, filter] of [
  ['all', 'api_keys_by_time', {}],
  ['a tenant', 'api_keys_of_tenant', { tenant: 't' }],
  ['all tenants', 'api_keys_of_tenant', { ofAllTenants: true }],
] as const) {
  test(`the list of API keys of ${name} walks ${index} in order`, () => {
    for (const after of [null, '1800000000000.abc']) {
      for (const plan of plansOf(rows.apiKeys.list(filter, { ...page, after }))) {
        assert.match(plan, new RegExp(`INDEX ${index}`))
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
      }
    }
  })
}

for (const filter of [{ tenant: 't' }, { tenant: 't', tier: 'gold' }] as const) {
  test(`the list of agents of ${JSON.stringify(filter)} walks the names of the tenant from its cursor on`, () => {
    for (const plan of plansOf(rows.agents.list(filter, { ...page, after: 't/a' }))) {
      assert.match(plan, /SEARCH a USING (COVERING )?INDEX \S+ \(tenant_id=\? AND agent>\?/)
      assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
    }
  })
}

for (const tenant of [undefined, 't']) {
  test(`agents by who vouches, of ${tenant ?? 'every'} tenant, are found by that`, () => {
    const provenance = 'federated:https://idp.test'
    const filter = tenant === undefined ? { provenance } : { provenance, tenant }
    for (const after of [null, 't/a']) {
      for (const plan of plansOf(rows.agents.list(filter, { ...page, after }))) {
        assert.match(plan, /SEARCH a USING INDEX agents_of_providers \(provenance=\? AND tenant_id=\?/)
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
      }
    }
  })
}

test('a certificate is found by its serial', () => {
  const [plan] = plansOf(rows.certificates.list({ now, serial: 'ab'.repeat(16) }, page))
  assert.match(plan!, /certificates_by_serial/)
})

for (const [name, index, filter] of [
  ['all', 'e USING INTEGER PRIMARY KEY|SCAN e', {}],
  ['a tenant', 'entries_of_tenant', { tenant: 't' }],
  ['a tenant by selector', 'entries_of_tenant', { tenant: 't', selector: 'unix:uid:1' }],
  ['a tenant by parent', 'entries_of_tenant', { tenant: 't', parent: 'node:n' }],
  ['an agent', 'entries_of_agent', { tenant: 't', agent: 'a' }],
] as const) {
  test(`the list of entries of ${name} walks them in order`, () => {
    for (const after of [null, '7']) {
      for (const plan of plansOf(rows.entries.list(filter, { ...page, after }))) {
        assert.match(plan, new RegExp(index))
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
      }
    }
  })
}

for (const [name, index, filter] of [
  ['all', 'sqlite_autoindex_nodes', {}],
  ['a tenant', 'sqlite_autoindex_nodes', { tenant: 't' }],
  ['a name', 'nodes_by_name', { name: 'n' }],
] as const) {
  test(`the list of nodes of ${name} walks an index in order`, () => {
    for (const after of [null, 'n']) {
      for (const plan of plansOf(rows.nodes.list(filter, { ...page, after }))) {
        assert.match(plan, new RegExp(`n USING (COVERING )?INDEX ${index}`))
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/)
      }
    }
  })
}

for (const [name, index, tenant] of [
  ['one tenant', 'entries_of_tenant_by_revision', 't'],
  ['all', 'entries_by_revision', null],
] as const) {
  test(`what changed for a node of ${name} is found by revision`, () => {
    const range = { after: 3, through: 9, limit: 5 }
    for (const plan of plansOf(rows.entries.changed({ name: 'n', tenant, groups: [] }, range) as Step<never>)) {
      assert.match(plan, new RegExp(`${index}|entry_marks_by_revision`))
      assert.doesNotMatch(plan, /SCAN (e|entries|entry_marks)( |$)/)
    }
  })
}

test('whether an entry is there already is one look', () => {
  const [plan] = plansOf(rows.entries.same({ tenant: 't', agent: 'a', parent: null, selectors: ['s'] }) as Step<never>)
  assert.match(plan!, /SEARCH e USING INDEX sqlite_autoindex_entries_2 \(agent_id=\? AND shape=\?\)/)
})

// Read at each activation by every instance, past a hundred versions of every tenant with their texts.
test('what policies are in force is read from the indexes of those alone', () => {
  const plans = plansOf(rows.policies.inForce() as Step<never>)
  assert.equal(plans.length, 2)
  for (const [index, plan] of plans.entries()) {
    assert.match(plan, new RegExp(`policy_versions_${index === 0 ? 'active' : 'shadow'}`))
    assert.doesNotMatch(plan, /TEMP B-TREE/)
  }
})
