import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { signatureAlgorithmFor } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { keyIdOfSpki } from './key-id.ts'
import { KEY_PURPOSES, type KeyManager, lend, withKey } from './key-manager.ts'

/** What must hold of every key manager. `open` makes one with no keys. */
export function keysSuite(name: string, open: () => KeyManager): void {
  const data = randomBytes(100)

  test(`${name}: makes keys that sign, and names them by their public key`, async () => {
    const keys = open()
    for (const [algorithm, type] of [
      ['P-256', 'P-256'],
      ['P-384', 'P-384'],
      ['RSA-2048', 'RSA'],
    ] as const) {
      const { signer, keyId } = await keys.create('x509-agents', algorithm)
      assert.equal(signer.algorithm, signatureAlgorithmFor(type))
      assert.equal(keyId, keyIdOfSpki(signer.spki))
      const signature = await signer.sign(data, 'der')
      assert.ok(nodeCrypto.verify(signer.algorithm, signer.spki, data, signature, 'der'))
    }
  })

  test(`${name}: opens a key again, the same one`, async () => {
    const keys = open()
    const { signer, ...reference } = await keys.create('jwt-svid', 'P-256')
    const again = await keys.open(reference)
    assert.deepEqual(again.spki, signer.spki)
    const signature = await again.sign(data, 'raw')
    assert.ok(nodeCrypto.verify(signer.algorithm, signer.spki, data, signature, 'raw'))
  })

  test(`${name}: opens a key for no other purpose than it was made for`, async () => {
    const keys = open()
    const { signer: _, ...reference } = await keys.create('agent-token', 'P-256')
    for (const purpose of KEY_PURPOSES.filter(other => other !== 'agent-token'))
      await assert.rejects(() => keys.open({ ...reference, purpose }), { code: 'keys_missing' })
  })

  test(`${name}: opens no key under the name of another`, async () => {
    const keys = open()
    const { signer: _, ...mine } = await keys.create('events', 'P-256')
    await assert.rejects(() => keys.open({ ...mine, keyId: '00'.repeat(20) }), { code: 'keys_missing' })
    const { signer: __, ...other } = await keys.create('events', 'P-256')
    const swapped = { ...mine, keyId: other.keyId }
    if (mine.handle.length > 0) await assert.rejects(() => keys.open(swapped), { code: 'keys_missing' })
    else assert.deepEqual((await keys.open(swapped)).spki, (await keys.open(other)).spki)
  })

  test(`${name}: ends a key twice without a word`, async () => {
    const keys = open()
    const { signer: _, ...reference } = await keys.create('x509-service', 'P-256')
    await keys.destroy(reference)
    await keys.destroy(reference)
  })

  test(`${name}: derives secrets that stay, and differ by purpose`, () => {
    const keys = open()
    assert.equal(keys.deriveSecret('cursor').length, 32)
    assert.deepEqual(keys.deriveSecret('cursor'), keys.deriveSecret('cursor'))
    assert.notDeepEqual(keys.deriveSecret('cursor'), keys.deriveSecret('other'))
  })

  test(`${name}: a lent key signs for its borrower and for nobody afterwards`, async () => {
    const keys = open()
    const { signer, ...reference } = await keys.create('x509-root', 'P-256')
    for (const use of [
      (borrow: (signer: typeof signer_) => Promise<unknown>) => withKey(keys, reference, borrow),
      (borrow: (signer: typeof signer_) => Promise<unknown>) => lend(signer, borrow),
    ]) {
      let kept: typeof signer_ | undefined
      await use(async lent => {
        kept = lent
        const signature = await lent.sign(data, 'der')
        assert.ok(nodeCrypto.verify(lent.algorithm, lent.spki, data, signature, 'der'))
      })
      assert.throws(() => kept!.sign(data, 'der'))
      await assert.rejects(() => use(() => Promise.reject(new Error('borrower failed'))), /borrower failed/)
    }
    const signer_ = signer
  })

  test(`${name}: shows nothing secret to whoever prints it`, async () => {
    const keys = open()
    const key = await keys.create('x509-root', 'P-256')
    const printed = [keys, key.signer].map(
      value => `${JSON.stringify(value)} ${inspect(value, { depth: 9, showHidden: true })}`,
    )
    const secret = Buffer.from(keys.deriveSecret('cursor'))
    for (const text of printed) {
      assert.doesNotMatch(text, /PRIVATE KEY|"d":/)
      assert.ok(!text.includes(secret.toString('hex')) && !text.includes(secret.toString('base64')))
    }
  })
}
