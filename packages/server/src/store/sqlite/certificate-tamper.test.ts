import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { certificate, NOW, populate, record } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

test('every column of a certificate is in its chain, but for its revocation', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-tamper-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'lanyard.db')
  const open = () => openSqliteStore({ path, trustDomain: 'example.org', clock: { now: () => NOW } })
  const store = await open()
  await populate(store)
  await record(store, certificate(1), certificate(2))
  await store.close()
  const pristine = readFileSync(path)

  for (const [change, found] of [
    ["serial = x'000102030405060708090a0b0c0d0e0f'", true],
    ['tenant_id = 2', true],
    ['agent_id = 2', true],
    ['lineage_no = 2', true],
    ['generation = 9', true],
    ['incarnation = 2', true],
    ['tier = 1', true],
    ['not_before = 0', true],
    ['not_after = not_after + 1', true],
    ['issued_at = issued_at - 1', true],
    ["parent = x'000102030405060708090a0b0c0d0e0f'", true],
    ["minted_by = 'agent-token:other'", true],
    ['key_thumbprint = zeroblob(32)', true],
    ["source = '198.51.100.1'", true],
    ['correlation = null', true],
    ['hash = zeroblob(32)', true],
    ["revoked_at = 1, revoked_reason = 'x'", false],
  ] as const) {
    writeFileSync(path, pristine)
    const db = new DatabaseSync(path)
    db.exec(`update certificates set ${change} where place = 1`)
    db.close()
    const tampered = await open()
    const verified = tampered.verifyChain(tampered.instance, 'issuance')
    if (found) await assert.rejects(verified, { code: 'store_damaged', message: /^row 1 / }, change)
    else assert.equal((await verified).to, 2)
    await tampered.close()
  }
})
