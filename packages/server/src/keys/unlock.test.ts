import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type KeyRecord, readKeyRecord, writeKeyRecord } from './key-record.ts'
import { masterFromPassphrase, newScrypt, passphraseFrom } from './passphrase.ts'
import { unlock } from './unlock.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-keys-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0
const newFile = () => join(folder, `wrapping-${++count}`)

test('a new store under a passphrase opens with it alone', async () => {
  const wrappingKeyFile = newFile()
  const first = await unlock({ record: null, passphrase: 'correct horse', wrappingKeyFile })
  const record = readKeyRecord(writeKeyRecord(first.record)) as typeof first.record
  assert.deepEqual(record, first.record)
  const again = await unlock({ record, passphrase: 'correct horse', wrappingKeyFile })
  assert.deepEqual(again.master.derive('x'), first.master.derive('x'))
  await assert.rejects(() => unlock({ record, passphrase: 'correct horsf', wrappingKeyFile }), {
    code: 'passphrase_wrong',
  })
  await assert.rejects(() => unlock({ record, passphrase: null, wrappingKeyFile }), { code: 'passphrase_required' })
  assert.ok(!existsSync(wrappingKeyFile))
})

test('the same letters from another keyboard are the same passphrase', async () => {
  const scrypt = newScrypt()
  const [one, two] = await Promise.all(['caf\u00e9', 'cafe\u0301'].map(text => masterFromPassphrase(text, scrypt)))
  assert.deepEqual(one!.derive('x'), two!.derive('x'))
})

test('a new store without a passphrase is unsealed: its key lies in a file of its own', async () => {
  const wrappingKeyFile = newFile()
  const first = await unlock({ record: null, passphrase: null, wrappingKeyFile })
  assert.equal(first.record.protection, 'unsealed')
  assert.equal(statSync(wrappingKeyFile).mode & 0o777, 0o600)
  const { record } = first
  const again = await unlock({ record, passphrase: null, wrappingKeyFile })
  assert.deepEqual(again.master.derive('x'), first.master.derive('x'))
  await assert.rejects(() => unlock({ record, passphrase: 'any', wrappingKeyFile }), { code: 'passphrase_unexpected' })
})

test('a wrapping key that a crash left before the store knew of it serves the store', async () => {
  const wrappingKeyFile = newFile()
  const one = await unlock({ record: null, passphrase: null, wrappingKeyFile })
  const two = await unlock({ record: null, passphrase: null, wrappingKeyFile })
  assert.deepEqual(one.master.derive('x'), two.master.derive('x'))
})

test('a wrapping key that is missing, cut, foreign, readable by others or elsewhere opens nothing', async () => {
  const wrappingKeyFile = newFile()
  const { record } = await unlock({ record: null, passphrase: null, wrappingKeyFile })
  const good = readFileSync(wrappingKeyFile)
  const refused = (code: string) =>
    assert.rejects(() => unlock({ record, passphrase: null, wrappingKeyFile }), { code })
  for (const content of [good.subarray(0, 64), good.subarray(1), `${randomBytes(32).toString('hex')}\n`, '']) {
    writeFileSync(wrappingKeyFile, content)
    await refused('keys_missing')
  }
  writeFileSync(wrappingKeyFile, good)
  chmodSync(wrappingKeyFile, 0o640)
  await refused('permissions_too_wide')
  rmSync(wrappingKeyFile)
  await refused('keys_missing')
  const elsewhere = newFile()
  writeFileSync(elsewhere, good, { mode: 0o600 })
  symlinkSync(elsewhere, wrappingKeyFile)
  await assert.rejects(() => unlock({ record, passphrase: null, wrappingKeyFile }), { code: 'ELOOP' })
})

test('records that we never write are refused', async () => {
  const good = JSON.parse(writeKeyRecord((await unlock({ record: null, passphrase: 'p', wrappingKeyFile: '' })).record))
  const { check: _, ...unchecked } = good
  for (const text of ['', '{', '[]', 'null', '{}', '{"protection":"none"}', JSON.stringify(unchecked)])
    assert.throws(() => readKeyRecord(text), { code: 'store_damaged' }, text)
  for (const scrypt of [
    { n: 2 ** 10 },
    { n: 2 ** 30 },
    { r: 1 },
    { p: 2 },
    { salt: '' },
    { salt: 'AA==' },
    { n: 'x' },
  ]) {
    const text = JSON.stringify({ ...good, scrypt: { ...good.scrypt, ...scrypt } })
    const open = async () =>
      unlock({
        record: readKeyRecord(text) as Exclude<KeyRecord, { protection: 'memory' }>,
        passphrase: 'p',
        wrappingKeyFile: '',
      })
    await assert.rejects(open, { code: 'store_damaged' }, text)
  }
})

test('a passphrase comes from one place and is not empty', () => {
  const file = newFile()
  writeFileSync(file, 'from a file \r\n')
  assert.equal(passphraseFrom({}), null)
  assert.equal(passphraseFrom({ LANYARD_PASSPHRASE: ' kept as it is ' }), ' kept as it is ')
  assert.equal(passphraseFrom({ LANYARD_PASSPHRASE_FILE: file }), 'from a file ')
  writeFileSync(file, '\n')
  for (const env of [
    { LANYARD_PASSPHRASE: '' },
    { LANYARD_PASSPHRASE_FILE: file },
    { LANYARD_PASSPHRASE_FILE: `${file}.missing` },
    { LANYARD_PASSPHRASE: 'x', LANYARD_PASSPHRASE_FILE: file },
  ])
    assert.throws(() => passphraseFrom(env), { code: 'config_invalid' }, JSON.stringify(env))
})
