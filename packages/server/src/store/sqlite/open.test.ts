import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { shared } from '@lanyard/authority'
import { NOW, populate, tenant } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const clock = { now: () => NOW }
const open = (path: string, trustDomain = 'example.org') => openSqliteStore({ path, trustDomain, clock })

function file(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-open-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'lanyard.db')
}

/** A store on disk, closed, changed by `sql` behind its back. */
async function changed(t: TestContext, sql: string): Promise<string> {
  const path = file(t)
  const store = await open(path)
  await populate(store)
  await store.close()
  behindItsBack(path, sql)
  return path
}

function behindItsBack(path: string, sql: string): void {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false })
  db.exec(sql)
  db.close()
}

async function refusesUnchanged(path: string, code: string, trustDomain?: string): Promise<void> {
  const before = readFileSync(path)
  await assert.rejects(open(path, trustDomain), { code })
  assert.deepEqual(readFileSync(path), before)
}

test('only its owner can read the file and its journal', async t => {
  const path = file(t)
  const store = await open(path)
  await populate(store)
  for (const name of [path, `${path}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600, name)
  await store.close()
  assert.throws(() => statSync(`${path}-wal`), 'a store that was closed is one file')
})

test('a second store on the same file is refused, and the first goes on', async t => {
  const path = file(t)
  const first = await open(path)
  await assert.rejects(open(path), { code: 'data_in_use' })
  await first.store.write(() => first.rows.tenants.insert(tenant()), shared())
  await first.close()
  const second = await open(path)
  assert.equal(second.instance, first.instance)
  await second.close()
})

test('a store of another trust domain is refused', async t => {
  const path = await changed(t, 'select 1')
  await refusesUnchanged(path, 'store_foreign', 'example.com')
})

test('a store from a newer version is refused', async t => {
  const path = await changed(t, "insert into migrations values (99, 'later', 0)")
  await refusesUnchanged(path, 'store_newer')
})

test('what is not a database is refused', async t => {
  const path = file(t)
  writeFileSync(path, 'this was never a database, although it is long enough to have a header'.repeat(100))
  await refusesUnchanged(path, 'store_damaged')
})

test('the database of some other program is refused', async t => {
  const path = file(t)
  behindItsBack(path, 'create table notes (text text)')
  await refusesUnchanged(path, 'store_damaged')
})

test('a store that lost a table is refused', async t => {
  const path = await changed(t, 'drop table trust_domains')
  await refusesUnchanged(path, 'store_damaged')
})

test('a store whose first page is torn is refused', async t => {
  const path = await changed(t, 'select 1')
  const bytes = readFileSync(path)
  bytes.fill(0xff, 100, 1000)
  writeFileSync(path, bytes)
  await refusesUnchanged(path, 'store_damaged')
})

test('a path that cannot be used is refused', async t => {
  const path = file(t)
  await assert.rejects(open(join(path, 'below', 'lanyard.db')), { code: 'store_unavailable' })
  await assert.rejects(open(tmpdir()), { code: 'store_unavailable' })
})

test('an empty file becomes a store', async t => {
  const path = file(t)
  writeFileSync(path, '', { mode: 0o600 })
  const store = await open(path)
  await populate(store)
  await store.close()
})

test('rows that were changed behind its back are found', async t => {
  const path = file(t)
  const store = await open(path)
  await populate(store)
  for (const at of [1, 2, 3, 4]) {
    await store.store.write(
      () =>
        store.rows.events.append({
          at,
          type: 'agent.created',
          outcome: 'ok',
          tenant: 'acme',
          agent: null,
          actor: 'server',
          source: null,
          correlation: null,
          detail: { at },
        }),
      shared(),
    )
  }
  const { instance } = store
  await store.close()
  const pristine = readFileSync(path)
  for (const [sql, row] of [
    ["update events set actor = 'api-key:x' where place = 2", 2],
    [`update events set detail = '{"at": 3}' where place = 3`, 3],
    ['delete from events where place = 2', 2],
    ['delete from events where place = 1', 1],
    ['update events set hash = (select hash from events where place = 1) where place = 3', 3],
    ['update events set place = 9 where place = 4', 4],
    [
      'insert into events select 5, 5, type, outcome, tenant, agent, actor, source, correlation, detail, hash from events where place = 4',
      5,
    ],
  ] as const) {
    writeFileSync(path, pristine)
    behindItsBack(path, sql)
    const tampered = await open(path)
    await assert.rejects(tampered.verifyChain(instance, 'audit'), {
      code: 'store_damaged',
      message: new RegExp(`^row ${row} `),
    })
    await tampered.close()
  }
})
