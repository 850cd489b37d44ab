import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { daemonConfig } from '../config.ts'
import { proofOf } from './proof.ts'

const folder = mkdtempSync(join(tmpdir(), 'proof-'))
after(() => rmSync(folder, { recursive: true }))

const sourceOf = (settings: object, joinToken: Parameters<typeof proofOf>[1] = null) =>
  proofOf(
    daemonConfig({ authority: 'https://127.0.0.1:1', root_sha256: '00'.repeat(32), ...settings }, folder),
    joinToken,
  )

test('the file of a token is another one once it was written', () => {
  const source = sourceOf({ join_token_file: 'token' })!
  const seen = [source.version()]
  for (const token of ['first', 'second, longer']) {
    writeFileSync(join(folder, 'token'), token)
    seen.push(source.version())
  }
  assert.equal(source.version(), seen[2])
  assert.equal(new Set(seen).size, 3)
  assert.ok(source.wanted.includes(join(folder, 'token')) && source.wanted.includes('join_token_file'))
})

test('a token of the start stays the same one; what makes tokens makes another each time', async () => {
  const given = sourceOf({}, 'token')!
  assert.equal(given.version(), given.version())
  assert.notEqual(given.version(), null)
  let made = 0
  const maker = sourceOf({}, async () => `token ${++made}`)!
  assert.equal(maker.version(), null)
  assert.deepEqual(await maker.read(), { method: 'join_token', token: 'token 1' })
  assert.equal(sourceOf({}), null)
})
