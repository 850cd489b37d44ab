import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exclusive, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { event, NOW, populate, tenant } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'
import { RESERVE_BYTES } from './reserve.ts'

const clock = { now: () => NOW }
const open = (path: string, maxBytes?: number) => openSqliteStore({ path, trustDomain: 'example.org', clock, maxBytes })

const write = ({ store, rows }: OpenStore) =>
  store.write(() => rows.events.append(event({ detail: { text: 'x'.repeat(4000) } })), shared())

const kill = ({ store, rows }: OpenStore, reason: string) =>
  store.urgent(function* () {
    yield* rows.tenants.update(tenant({ deadThrough: 1 }))
    yield* rows.events.append(event({ detail: { reason } }))
  }, exclusive('acme'))

/** Writes until nothing is taken any more: the journal may begin anew when it could be copied into the database. */
async function fill(store: OpenStore): Promise<void> {
  for (let refused = 0; refused < 3; ) {
    const group = await Promise.allSettled(Array.from({ length: 16 }, () => write(store)))
    refused = group.every(({ status }) => status === 'rejected') ? refused + 1 : 0
    for (const result of group) if (result.status === 'rejected') assert.equal(result.reason.code, 'store_unavailable')
  }
}

async function killsOnFullDisk(store: OpenStore): Promise<void> {
  await populate(store)
  await fill(store)
  await assert.rejects(write(store), { code: 'store_unavailable' })
  for (let i = 0; i < 50; i++) await kill(store, `${i}`)
  assert.equal((await store.store.read(() => store.rows.tenants.find('acme')))?.deadThrough, 1)
  await store.verifyChain(store.instance, 'audit')
}

test('a store at its limit takes no writes, but deaths', async t => {
  const store = await open(':memory:', 600_000)
  t.after(() => store.close())
  await killsOnFullDisk(store)
})

test('a full disk takes no writes, but deaths, and the reserve comes back with room', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-full-'))
  t.after(() => {
    spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true })
  })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'none', folder]).status !== 0)
    return t.skip('this process may not mount a small disk')
  const path = join(folder, 'lanyard.db')
  const store = await open(path)
  assert.equal(statSync(`${path}-reserve`).size, RESERVE_BYTES)
  await killsOnFullDisk(store)
  assert.ok(statSync(`${path}-reserve`).size > RESERVE_BYTES / 2)
  await store.close()
  spawnSync('mount', ['-o', 'remount,size=40m', folder])
  const again = await open(path)
  assert.equal(statSync(`${path}-reserve`).size, RESERVE_BYTES)
  assert.equal(statSync(`${path}-reserve`).mode & 0o777, 0o600)
  await write(again)
  await again.close()
})
