import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS } from '../algorithms.ts'
import { encodeValue, parseValue } from '../der/value.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto, nodeSigner } from '../node/crypto.ts'
import { generateKey, generateKeyNow } from '../node/generate.ts'
import { TestIdentity } from '../node/test-ca.ts'
import { bytesOf, codeOf } from '../refusals.suite.ts'
import { Certificate } from './certificate.ts'
import { buildCsr, verifyCsr } from './csr.ts'
import { lanyardIdentity } from './extension-encoders.ts'

const rsa = await generateKey('RSA')
const ecdsa = generateKeyNow('P-256')
const ed25519 = generateKeyNow('Ed25519')
const identity = lanyardIdentity({ incarnation: 1, lineage: bytesOf('000102030405060708090a0b0c0d0e0f') })
const names = { uri: ['spiffe://example.org/tenant/acme/agent/billing'], dns: ['billing.example.org'] }
const leafOptions = { names, subject: '', extensions: { identity } }

const SIGNED = [
  ['ECDSA', ecdsa, undefined],
  ['RSA', rsa, undefined],
  ['RSA-PSS', rsa, SIGNATURE_ALGORITHMS['RSA-PSS-SHA256']],
  ['Ed25519', ed25519, undefined],
] as const

/** Every change of one octet into some others, and every octet left out or doubled. */
function* corruptions(bytes: Uint8Array): Generator<Uint8Array> {
  for (let place = 0; place < bytes.length; place++) {
    const octet = bytes[place]!
    for (const other of new Set([octet ^ 1, octet ^ 0x80, octet ^ 0x20, 0, 0xff, octet + 1, octet - 1]))
      if ((other & 0xff) !== octet) yield bytes.with(place, other)
    yield Uint8Array.from([...bytes.subarray(0, place), ...bytes.subarray(place + 1)])
    yield Uint8Array.from([...bytes.subarray(0, place + 1), ...bytes.subarray(place)])
  }
}

/** The code that refuses the certificate, or null: it is read, and its signature holds under `spki`. */
function verdict(der: Uint8Array, spki: Uint8Array): ProtocolCode | 'signature' | null {
  let holds = false
  const code = codeOf(() => {
    const { der: own, signatureAlgorithm, tbs, signature } = Certificate.fromDer(der)
    assert.deepEqual(own, der)
    holds = signatureAlgorithm !== null && nodeCrypto.verify(signatureAlgorithm, spki, tbs, signature, 'der')
  })
  return code ?? (holds ? null : 'signature')
}

describe('a certificate that is changed in one place', () => {
  for (const [name, key, signedWith] of SIGNED)
    it(`never crashes and is never accepted, signed with ${name}`, () => {
      const root = TestIdentity.root({ key })
      const { der } = root.leaf({ ...leafOptions, key: ecdsa, ...(signedWith ? { signedWith } : {}) }).certificate
      const { spki } = nodeSigner(key)
      assert.equal(verdict(der, spki), null)
      const seen = new Set<string>()
      for (const changed of corruptions(der)) {
        const judged = verdict(changed, spki)
        assert.notEqual(judged, null, Buffer.from(changed).toString('hex'))
        seen.add(`${judged}`)
      }
      assert.ok(seen.has('signature') && seen.has('der_truncated') && seen.size > 8)
    })

  it('encodes to itself when it can be read, as a tree too', () => {
    const { der } = TestIdentity.root({ key: ecdsa }).leaf({ ...leafOptions, key: rsa }).certificate
    let read = 0
    for (const changed of corruptions(der)) {
      if (codeOf(() => Certificate.fromDer(changed)) !== null) continue
      read += 1
      assert.deepEqual(encodeValue(parseValue(changed)), changed)
    }
    assert.ok(read > 100)
  })
})

describe('a request that is changed in one place', () => {
  for (const [name, key] of SIGNED.filter(([name]) => name !== 'RSA-PSS'))
    it(`never proves a key, signed with ${name}`, async () => {
      const csr = await buildCsr(nodeSigner(key))
      assert.equal(
        codeOf(() => verifyCsr(csr, nodeCrypto)),
        null,
      )
      for (const changed of corruptions(csr))
        assert.notEqual(
          codeOf(() => verifyCsr(changed, nodeCrypto)),
          null,
        )
    })
})
