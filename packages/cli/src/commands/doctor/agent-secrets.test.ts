import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newAgentSecret } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { checkAgentSecrets } from './agent-secrets.ts'

const { secret } = newAgentSecret({ bytes: n => new Uint8Array(randomBytes(n)) }, nodeCrypto)

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-doctor-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const statusOf = async (cwd: string, env = {}, data: string | null = null) => {
  const findings = await checkAgentSecrets({ cwd, env }, data)
  // What it says is read over shoulders.
  assert.ok(!JSON.stringify(findings).includes(secret.slice(0, 40)))
  return findings.map(({ status }) => status)
}

test('nothing is said where no secret lies', async t => {
  const cwd = folderOf(t)
  writeFileSync(join(cwd, 'note'), `${secret.slice(0, -1)} lanyard-secret_`)
  mkdirSync(join(cwd, 'folder'))
  symlinkSync('nowhere', join(cwd, 'link'))
  assert.deepEqual(await statusOf(cwd, { SECRET: secret.slice(1) }), [])
  assert.deepEqual(await statusOf(join(cwd, 'none')), [])
})

test('a secret in a file is well kept while nobody else can read it', async t => {
  const cwd = folderOf(t)
  const file = join(cwd, '.env')
  writeFileSync(file, `A=1\nLANYARD_AGENT_SECRET=${secret}\n`, { mode: 0o600 })
  assert.deepEqual(await statusOf(cwd), ['ok'])
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(file, mode)
    assert.deepEqual(await statusOf(cwd), ['failed'])
  }
})

test('a secret in a variable is worth a warning, and one in the data folder is found', async t => {
  const [cwd, data] = [folderOf(t), folderOf(t)]
  assert.deepEqual(await statusOf(cwd, { ANY_NAME: `x ${secret}` }), ['warning'])
  writeFileSync(join(data, 'left'), secret, { mode: 0o644 })
  assert.deepEqual(await statusOf(cwd, {}, data), ['failed'])
})

test('one in a file that others can read and one in a variable are both named', async t => {
  const cwd = folderOf(t)
  writeFileSync(join(cwd, 'left'), secret, { mode: 0o644 })
  const [found, ...more] = await checkAgentSecrets({ cwd, env: { ANY_NAME: secret } }, null)
  assert.deepEqual([found?.status, more], ['failed', []])
  for (const place of [join(cwd, 'left'), 'ANY_NAME']) assert.ok(JSON.stringify(found).includes(place), place)
})
