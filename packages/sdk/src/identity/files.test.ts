import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestCa } from '../testing/ca.ts'
import { identityWith, temporaryFolder, writeSvid } from '../testing/files.ts'
import { TestTime } from '../testing/test-time.ts'
import { Identity } from './identity.ts'

const ca = new TestCa()
const ID = ca.id('acme', 'a')

test('an identity from files is what the files say', async t => {
  const svid = ca.svid(ID)
  const { identity } = await identityWith(t, svid)
  assert.equal(`${identity.id}`, ID)
  assert.equal(identity.svid.serial, svid.serial)
})

test('files that were replaced are read again by themselves, and tell', async t => {
  const time = new TestTime()
  const { identity, folder } = await identityWith(t, ca.svid(ID), time)
  const next = ca.svid(ID)
  await writeSvid(folder, next)
  const renewed = once(identity, 'renewed')
  time.advance(5_000)
  const [svid] = await renewed
  assert.equal(svid.serial, next.serial)
  assert.equal(identity.svid.serial, next.serial)
})

test('files that are half replaced are read once more; what still does not fit is told, and the old one stays', async t => {
  const time = new TestTime()
  const first = ca.svid(ID)
  const { identity, folder } = await identityWith(t, first, time)
  await writeFile(join(folder, 'svid.pem'), ca.svid(ID).certificate + ca.chain)
  const failing = once(identity, 'failing')
  const ticking = setInterval(() => time.advance(500), 5)
  const [{ error }] = await failing
  clearInterval(ticking)
  assert.equal(error.code, 'files_invalid')
  assert.equal(identity.svid.serial, first.serial)
})

test('files that nobody keeps fresh are told of once, and serve again when they are', async t => {
  const time = new TestTime()
  const { identity, folder } = await identityWith(t, ca.svid(ID), time)
  const codes: string[] = []
  identity.on('failing', ({ error }) => codes.push(error.code))
  time.jump(600_000)
  for (let i = 0; i < 3; i++) {
    time.advance(5_000)
    while (time.waiting === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.deepEqual(codes, ['identity_expired'])
  const renewed = once(identity, 'renewed')
  await writeSvid(folder, ca.svid(ID))
  time.advance(5_000)
  await renewed
})

test('files of somebody else do not change who this is', async t => {
  const { identity, folder } = await identityWith(t, ca.svid(ID))
  await writeSvid(folder, ca.svid(ca.id('globex', 'eve')))
  await assert.rejects(identity.renew(), { code: 'identity_changed' })
  assert.equal(`${identity.id}`, ID)
})

test('files that cannot be used are refused', async t => {
  const folder = await temporaryFolder(t)
  const load = () => Identity.fromFiles({ folder })
  await assert.rejects(load(), { code: 'files_invalid' })
  const svid = ca.svid(ID)
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a key of another', () => write('svid_key.pem', ca.svid(ID).privateKeyPem())],
    ['no key', () => rm(join(folder, 'svid_key.pem'))],
    ['a certificate as the key', () => write('svid_key.pem', svid.certificate)],
    ['roots of another', () => write('bundle.pem', new TestCa().bundle)],
    ['no roots', () => write('bundle.pem', '')],
    ['no intermediate', () => write('svid.pem', svid.certificate)],
    ['no leaf', () => write('svid.pem', svid.chain)],
    ['a huge file', () => write('svid.pem', 'x'.repeat(300_000))],
  ]
  for (const [name, spoil] of cases) {
    await writeSvid(folder, svid)
    await load().then(identity => identity.close())
    await spoil()
    await assert.rejects(load(), { code: 'files_invalid' }, name)
  }
})

test('the three files may have other names', async t => {
  const folder = await temporaryFolder(t)
  const svid = ca.svid(ID)
  const file = (name: string) => join(folder, name)
  await Promise.all([
    writeFile(file('c'), svid.certificate + svid.chain),
    writeFile(file('k'), svid.privateKeyPem()),
    writeFile(file('b'), svid.bundle),
  ])
  const identity = await Identity.fromFiles({ certificate: file('c'), key: file('k'), bundle: file('b') })
  assert.equal(identity.svid.serial, svid.serial)
  await identity.close()
})
