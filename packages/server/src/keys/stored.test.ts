import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { generatePrivateKey } from './generate.ts'
import { MasterKey } from './master-key.ts'
import { StoredKeys } from './stored.ts'
import { unwrap, wrap } from './wrap.ts'

const secret = randomBytes(32)
const open = (trustDomain = 'example.org', key = secret) =>
  new StoredKeys(new MasterKey(Uint8Array.from(key)), 'unsealed', trustDomain)

test('another process opens what one has stored', async () => {
  const { signer, ...reference } = await open().create('agent-token', 'P-256')
  assert.deepEqual((await open().open(reference)).spki, signer.spki)
  assert.deepEqual(open().deriveSecret('cursor'), open().deriveSecret('cursor'))
})

test('neither another master key nor another trust domain opens it', async () => {
  const { signer: _, ...reference } = await open().create('agent-token', 'P-256')
  await assert.rejects(() => open('example.com').open(reference), { code: 'keys_missing' })
  await assert.rejects(() => open('example.org', randomBytes(32)).open(reference), { code: 'keys_missing' })
})

test('not one bit of a wrapped key can change', async () => {
  const { signer: _, ...reference } = await open().create('agent-token', 'P-256')
  for (let at = 0; at < reference.handle.length; at++) {
    const handle = Uint8Array.from(reference.handle)
    handle[at]! ^= 1 << (at % 8)
    await assert.rejects(() => open().open({ ...reference, handle }), { code: 'keys_missing' }, `byte ${at}`)
  }
  for (const length of [0, 1, 13, 28, 29, reference.handle.length - 1]) {
    const handle = reference.handle.subarray(0, length)
    await assert.rejects(() => open().open({ ...reference, handle }), { code: 'keys_missing' }, `${length} bytes`)
  }
})

test('a key wrapped under the name of another is refused although it opens', async () => {
  const { signer: _, ...reference } = await open().create('agent-token', 'P-256')
  const context = { ...reference, trustDomain: 'example.org' }
  const other = (await generatePrivateKey('P-256')).export({ type: 'pkcs8', format: 'der' })
  const handle = wrap(new MasterKey(Uint8Array.from(secret)).derive('wrap'), other, context)
  await assert.rejects(() => open().open({ ...reference, handle }), { code: 'keys_missing' })
})

test('the parts of a context cannot run into each other', () => {
  const key = randomBytes(32)
  const wrapped = wrap(key, Buffer.from('secret'), { keyId: 'ab', purpose: 'events', trustDomain: 'c.example' })
  assert.throws(() => unwrap(key, wrapped, { keyId: 'a', purpose: 'events', trustDomain: 'bc.example' }), {
    code: 'keys_missing',
  })
})

test('what is stored is no plain key', async () => {
  const { signer: _, handle } = await open().create('x509-root', 'P-256')
  // The OID of the curve stands in every PKCS#8 of it.
  assert.ok(!Buffer.from(handle).includes(Buffer.from('06082a8648ce3d030107', 'hex')))
})
