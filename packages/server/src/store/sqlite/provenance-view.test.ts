import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { shared } from '@lanyard/authority'
import { openSqliteStore } from '../index.ts'
import { agent, NOW, populate } from '../suite/samples.ts'

test('an auditor asks the database itself which agents came from whom', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-view-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'lanyard.db')
  const open = await openSqliteStore({ path, trustDomain: 'example.org', clock: { now: () => NOW } })
  await populate(open)
  const brought = agent({ agent: 'worker', provenance: 'federated:https://idp.test', externalSubject: 'auth0|7' })
  await open.store.write(() => open.rows.agents.insert(brought), shared('acme'))
  await open.close()
  const db = new DatabaseSync(path, { readOnly: true })
  const rows = db.prepare('select * from agents_by_provenance order by provenance, tenant, agent').all()
  db.close()
  assert.deepEqual(
    rows.map(row => [row.tenant, row.agent, row.provenance, row.external_subject]),
    [
      ['acme', 'worker', 'federated:https://idp.test', 'auth0|7'],
      ['acme', 'invoice', 'internal', null],
      ['globex', 'invoice', 'internal', null],
    ],
  )
})
