import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { exclusive } from '@lanyard/authority'
import { sqliteDialect } from '../dialect.ts'
import { foundation } from '../migrations/0001-foundation.ts'
import { agent, certificate, event, idOf, incident, lineage, NOW, record, tenant } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

/** A store as the first version left it: one tenant, one agent that was killed once, one lineage. */
function ofFirstVersion(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-upgrade-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'lanyard.db')
  const db = new DatabaseSync(path)
  db.exec('pragma application_id = 1279348313; create table migrations (id integer primary key, name text, at integer)')
  for (const sql of foundation.up(sqliteDialect)) db.exec(sql)
  db.exec(`
    insert into migrations values (1, 'foundation', ${NOW});
    insert into trust_domains (name) values ('example.org');
    insert into epoch values (1, 4);
    insert into instances (uuid, created_at) values ('5e1f0a52-0000-4000-8000-000000000001', ${NOW});
    insert into tenants (trust_domain, tenant, key_policy, renewal_grace_sec, created_at, updated_at)
      values (1, 'acme', 'rsa-only', 3600, ${NOW}, ${NOW});
    insert into agents (tenant_id, agent, spiffe_id, tier, lifecycle, provenance, owner, description, labels,
        incarnation, dead_through, created_at, updated_at)
      values (1, 'invoice', '${agent().spiffeId}', 'silver', 'pending', 'internal', 'Accounts', '', '{}', 2, 1, 0, 0);
    insert into lineages (id, tenant_id, agent_id, incarnation, opened_at, ends_at, minted_by, jti, standing, generation)
      values (x'${idOf(1)}', 1, 1, 2, ${NOW}, ${lineage().endsAt}, 'api-key:k1', '${lineage().jti}', 'open', 0);`)
  db.close()
  return path
}

test('a store of the first version goes on where it was', async t => {
  const path = ofFirstVersion(t)
  const open = await openSqliteStore({ path, trustDomain: 'example.org', clock: { now: () => NOW } })
  t.after(() => open.close())
  const { store, rows, instance } = open
  assert.equal(instance, '5e1f0a52-0000-4000-8000-000000000001')
  assert.equal(await store.read(() => rows.epoch.current()), 4)
  assert.deepEqual(await store.read(() => rows.tenants.find('acme')), tenant())
  const found = await store.read(() => rows.agents.find(agent()))
  assert.deepEqual([found?.incarnation, found?.deadThrough], [2, 1])
  await record(open, certificate(1, { incarnation: 2 }))
  await store.urgent(function* () {
    assert.equal(yield* rows.agents.quarantineAll('acme', NOW), 1)
    yield* rows.events.append(event())
    yield* rows.incidents.insert(incident({ epoch: yield* rows.epoch.bump() }), ['snapshot'])
  }, exclusive('acme'))
  assert.equal((await store.read(() => rows.incidents.find('incident-1')))?.epoch, 5)
  assert.equal((await open.verifyChain(instance, 'issuance')).to, 1)
})
