import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { TestClock } from '../../../../test/support/test-clock.ts'
import { type ServerConfigInput, serverConfig } from '../config.ts'
import { openAuthorities } from './open-authorities.ts'
import { type Data, openData } from './open-data.ts'
import { readSetup } from './setup.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-data-'))
after(() => rmSync(base, { recursive: true }))
let count = 0
const newFolder = () => join(base, `data-${++count}`)

const clock = new TestClock()
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const PASSPHRASE = 'correct horse battery staple'
const sealed = { LANYARD_PASSPHRASE: PASSPHRASE }

const open = async (data: string, env = {}, settings: ServerConfigInput = {}): Promise<Data> =>
  await openData(readSetup(serverConfig({ data, ...settings }), env), clock)

/** A folder as a first start leaves it. */
async function made(env = {}, settings: ServerConfigInput = {}): Promise<string> {
  const folder = newFolder()
  const data = await open(folder, env, settings)
  await openAuthorities(data, readSetup(serverConfig({ data: folder, ...settings }), env), { clock, dice, log: quiet })
  await data.close()
  return folder
}

/** Every file with its size, mode, times and content. */
function snapshot(folder: string): string[] {
  return [statSync(folder).mode, ...readdirSync(folder).toSorted()].map(entry => {
    if (typeof entry === 'number') return String(entry)
    const { mode, size, mtimeMs, ino } = statSync(join(folder, entry))
    const hash = createHash('sha256')
      .update(readFileSync(join(folder, entry)))
      .digest('hex')
    return [entry, mode, size, mtimeMs, ino, hash].join(' ')
  })
}

/** Holds that opening is refused with this code, and that not one byte of the folder is another one afterwards. */
async function refused(code: string, folder: string, env = {}, settings: ServerConfigInput = {}): Promise<void> {
  const before = snapshot(folder)
  await assert.rejects(() => open(folder, env, settings), { code })
  assert.deepEqual(snapshot(folder), before)
}

describe('a folder under a passphrase', () => {
  test('opens with it again, under its own trust domain and template', async () => {
    const folder = await made(sealed, { trust_domain: 'example.org', id_template: '/t/{tenant}/a/{agent}' })
    const data = await open(folder, sealed)
    assert.equal(data.trustDomain, 'example.org')
    assert.equal(`${data.idTemplate}`, '/t/{tenant}/a/{agent}')
    assert.equal(data.keys.protection, 'passphrase')
    assert.deepEqual(data.newFacts, {})
    await data.close()
    assert.ok(!readdirSync(folder).includes('wrapping.key'))
  })

  test('is refused, and left to the last byte as it was, without the passphrase or with another', async () => {
    const folder = await made(sealed)
    await refused('passphrase_wrong', folder, { LANYARD_PASSPHRASE: 'correct horse battery stapler' })
    await refused('passphrase_required', folder)
    await refused('keys_missing', folder, {}, { keys: 'memory' })
    await refused('config_invalid', folder, { LANYARD_PASSPHRASE: '' })
    await refused('config_invalid', folder, sealed, { id_template: '/other/{tenant}/{agent}' })
    await refused('store_foreign', folder, sealed, { trust_domain: 'example.com' })
  })

  test('is left so also when its process was killed in the middle of its work', async () => {
    const folder = newFolder()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'open-data.child.ts'), folder], {
      env: { ...process.env, ...sealed },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    await Promise.race([once(child.stdout, 'data'), ended])
    child.kill('SIGKILL')
    assert.deepEqual(await ended, [null, 'SIGKILL'])
    assert.ok(readdirSync(folder).some(file => file.endsWith('-wal')))
    await refused('passphrase_wrong', folder, { LANYARD_PASSPHRASE: 'wrong' })
    await refused('passphrase_required', folder)
    await refused('store_foreign', folder, sealed, { trust_domain: 'example.com' })
    const data = await open(folder, sealed)
    assert.deepEqual(data.newFacts, {})
    await data.close()
  })
})

describe('a folder without a passphrase', () => {
  test('is unsealed, and says so', async () => {
    const folder = await made()
    const data = await open(folder)
    assert.equal(data.keys.protection, 'unsealed')
    await data.close()
  })

  test('is refused with a passphrase, without its wrapping key, and with that of another', async () => {
    const folder = await made()
    const other = await made()
    await refused('passphrase_unexpected', folder, sealed)
    writeFileSync(join(folder, 'wrapping.key'), readFileSync(join(other, 'wrapping.key')))
    await refused('keys_missing', folder)
    rmSync(join(folder, 'wrapping.key'))
    await refused('keys_missing', folder)
  })
})

test('a folder or file that others can read is refused, with a new store and an old one', async () => {
  const folder = await made()
  for (const file of readdirSync(folder)) {
    chmodSync(join(folder, file), 0o640)
    await refused('permissions_too_wide', folder)
    chmodSync(join(folder, file), 0o600)
  }
  chmodSync(folder, 0o750)
  await refused('permissions_too_wide', folder)
  chmodSync(folder, 0o700)
  await (await open(folder)).close()
})

test('one process serves a folder at a time', async () => {
  const folder = await made()
  const first = await open(folder)
  await assert.rejects(() => open(folder), { code: 'data_in_use' })
  await first.close()
  await (await open(folder)).close()
})

test('what is no store of ours is refused', async () => {
  const folder = await made()
  writeFileSync(join(folder, 'lanyard.db'), randomBytes(8192))
  await refused('store_damaged', folder)
})

test('settings that nothing could be done with are refused before there is a folder', () => {
  const folder = newFolder()
  for (const settings of [
    { trust_domain: 'Example.org' },
    { trust_domain: 'a_b' },
    { trust_domain: '10.0.0.1' },
    { id_template: '/x' },
    { id_template: '/lanyard/{tenant}/{agent}' },
    { hosts: ['*.example.org'] },
    { hosts: ['https://example.org'] },
    { dns_suffixes: ['.example.org'] },
  ] satisfies ServerConfigInput[])
    assert.throws(() => readSetup(serverConfig({ data: folder, ...settings }), {}), { code: 'config_invalid' })
  assert.ok(!readdirSync(base).includes(folder.slice(base.length + 1)))
})
