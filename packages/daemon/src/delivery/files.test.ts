import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Bundle, TrustDomain } from '@lanyard/protocol'
import { FakeWorkloads } from '../testing/index.ts'
import { FILES, removeFiles, writeFiles } from './files.ts'

const workloads = new FakeWorkloads()
const place = () => ({ folder: join(mkdtempSync(join(tmpdir(), 'files-')), 'svid'), uid: null, gid: null })

test('writes a certificate with its key and all bundles, the key for its owner alone', () => {
  workloads.federate('other.example')
  const [svid] = workloads.give(1, { tenant: 'acme', agent: 'a' })
  const setting = place()
  writeFiles(setting, svid!, workloads.bundles)
  assert.deepEqual(readdirSync(setting.folder).toSorted(), [...FILES].toSorted())
  const read = (name: string) => readFileSync(join(setting.folder, name), 'utf8')
  const leaf = new X509Certificate(read('svid.pem'))
  assert.ok(leaf.checkPrivateKey(createPrivateKey(read('svid_key.pem'))))
  assert.equal(read('svid.pem').match(/BEGIN CERTIFICATE/g)!.length, 2)
  const modes = FILES.map(name => [name, (statSync(join(setting.folder, name)).mode & 0o777).toString(8)])
  assert.deepEqual(Object.fromEntries(modes), {
    'svid.pem': '644',
    'svid_key.pem': '600',
    'svid_bundle.pem': '644',
    'bundles.json': '644',
  })
  const { trust_domains: all } = JSON.parse(read('bundles.json'))
  assert.deepEqual(Object.keys(all), ['example.org', 'other.example'])
  for (const [name, bundle] of Object.entries(all))
    assert.equal(Bundle.parse(TrustDomain.parse(name), JSON.stringify(bundle)).x509Authorities.length, 1)
})

test('what is withdrawn is gone, but for the bundles', () => {
  const [svid] = workloads.give(1, { tenant: 'acme', agent: 'a' })
  const setting = place()
  writeFiles(setting, svid!, workloads.bundles)
  removeFiles(setting.folder)
  removeFiles(setting.folder)
  assert.deepEqual(readdirSync(setting.folder).toSorted(), ['bundles.json', 'svid_bundle.pem'])
})

test('a link that somebody put in the way is replaced, and what it points at stays', () => {
  const [svid] = workloads.give(1, { tenant: 'acme', agent: 'a' })
  const setting = place()
  const victim = join(setting.folder, '..', 'victim')
  mkdirSync(setting.folder)
  for (const name of ['svid_key.pem', 'svid_key.pem.new']) symlinkSync(victim, join(setting.folder, name))
  writeFiles(setting, svid!, workloads.bundles)
  assert.ok(!existsSync(victim))
  assert.match(readFileSync(join(setting.folder, 'svid_key.pem'), 'utf8'), /PRIVATE KEY/)
})

test('a folder that others can write, or that is a link, is refused before a key is in it', () => {
  const [svid] = workloads.give(1, { tenant: 'acme', agent: 'a' })
  const wide = place()
  mkdirSync(wide.folder)
  chmodSync(wide.folder, 0o777)
  const linked = place()
  symlinkSync(tmpdir(), linked.folder)
  const below = place()
  mkdirSync(below.folder)
  chmodSync(below.folder, 0o777)
  for (const setting of [wide, linked, { ...below, folder: join(below.folder, 'svid') }]) {
    assert.throws(() => writeFiles(setting, svid!, workloads.bundles), { code: 'permissions_too_wide' })
    assert.ok(!existsSync(join(setting.folder, 'svid_key.pem')))
  }
})

test('a folder far above that others can write would lead to the files of others', () => {
  const [svid] = workloads.give(1, { tenant: 'acme', agent: 'a' })
  const top = place().folder
  const others = join(top, 'others', 'creds')
  mkdirSync(others, { recursive: true })
  for (const name of FILES) writeFileSync(join(others, name), 'of somebody else')
  mkdirSync(join(top, 'open'))
  chmodSync(join(top, 'open'), 0o777)
  const setting = { folder: join(top, 'open', 'own', 'creds'), uid: null, gid: null }
  assert.throws(() => writeFiles(setting, svid!, workloads.bundles), { code: 'permissions_too_wide' })
  symlinkSync(join(top, 'others'), join(top, 'open', 'own'))
  assert.throws(() => writeFiles(setting, svid!, workloads.bundles), { code: 'permissions_too_wide' })
  assert.throws(() => removeFiles(setting.folder), { code: 'permissions_too_wide' })
  for (const name of FILES) assert.equal(readFileSync(join(others, name), 'utf8'), 'of somebody else')
})
