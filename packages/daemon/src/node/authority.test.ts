import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { daemonConfig } from '../config.ts'
import { FakeTime } from '../testing/index.ts'
import { Authority } from './authority.ts'
import { proofOf } from './proof.ts'

const folder = mkdtempSync(join(tmpdir(), 'settings-'))
test.after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'words'), 'no PEM')

const configWith = (settings: object) =>
  daemonConfig({ authority: 'https://127.0.0.1:1', root_sha256: '00'.repeat(32), ...settings }, folder)

const ROOTS = {
  'a root that is not there': { root_file: 'missing' },
  'a root that is none': { root_file: 'words' },
  'a fingerprint that is none': { root_sha256: 'words' },
}

for (const [name, settings] of Object.entries(ROOTS))
  test(`${name} ends the start, and is not waited for`, async () => {
    const authority = new Authority(configWith(settings), new FakeTime())
    await assert.rejects(authority.attest({ method: 'join_token', token: 'a' }), { code: 'config_invalid' })
  })

const PROOFS = {
  'a certificate that is not there': { x509pop_cert: 'missing', x509pop_key: 'words' },
  'a key that is not there': { x509pop_cert: 'words', x509pop_key: 'missing' },
  'a key that is none': { x509pop_cert: 'words', x509pop_key: 'words' },
  'a token that is not there': { join_token_file: 'missing' },
}

for (const [name, settings] of Object.entries(PROOFS))
  test(`${name} ends the start, and is not waited for`, async () => {
    await assert.rejects(proofOf(configWith(settings), null)!.read(), { code: 'config_invalid' })
  })
