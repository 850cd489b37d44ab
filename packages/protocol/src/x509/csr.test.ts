import assert from 'node:assert/strict'
import { type KeyObject, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../algorithms.ts'
import { contextConstructed } from '../der/tags.ts'
import { element, integer, nullValue, oid, sequence, setOf, unsigned, wholeBits } from '../der/writer.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto, nodeSigner, spkiOf } from '../node/crypto.ts'
import { generateKey, generateKeyNow } from '../node/generate.ts'
import { KEY_OIDS } from '../oids.ts'
import type { Crypto } from '../ports.ts'
import { bytesOf, codeOf } from '../refusals.suite.ts'
import { assembleCertificate } from './build.ts'
import { buildCsr, parseCsr, verifyCsr } from './csr.ts'
import { EMPTY_NAME, encodeName } from './name.ts'

const ECDSA = SIGNATURE_ALGORITHMS['ECDSA-SHA256']
const key = generateKeyNow('P-256')
const spki = spkiOf(key)
const rsa = await generateKey('RSA')

const FIELDS = {
  version: integer(0),
  subject: EMPTY_NAME,
  spki,
  attributes: element(contextConstructed(0)) as Uint8Array | null,
}

const attribute = (type: string, ...values: Uint8Array[]) => sequence(oid(type), setOf(...values))
const attributes = (...list: Uint8Array[]) => element(contextConstructed(0), ...list)

/** A request of these fields, signed by `signingKey` as `algorithm` says. */
function request(
  change: Partial<typeof FIELDS> = {},
  signingKey: KeyObject = key,
  algorithm: SignatureAlgorithm = ECDSA,
) {
  const info = sequence(...Object.values({ ...FIELDS, ...change }).filter(field => field !== null))
  return assembleCertificate(info, algorithm, sign(algorithm.hash, info, signingKey))
}

describe('requests that we make', () => {
  for (const type of ['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519'] as const)
    it(`prove a key of type ${type}, and nothing else`, async () => {
      const signer = nodeSigner(await generateKey(type))
      const csr = await buildCsr(signer)
      const proven = verifyCsr(csr, nodeCrypto)
      assert.equal(proven.type, type)
      assert.deepEqual(proven.der, signer.spki)
      assert.deepEqual(verifyCsr(parseCsr(csr), nodeCrypto), proven)
    })

  it('wait for a key that answers later', async () => {
    const local = nodeSigner(key)
    const csr = await buildCsr({ ...local, sign: async data => local.sign(data, 'der') })
    assert.deepEqual(verifyCsr(csr, nodeCrypto).der, local.spki)
  })

  it('may be signed with PSS', async () => {
    const csr = await buildCsr(nodeSigner(rsa, SIGNATURE_ALGORITHMS['RSA-PSS-SHA256']))
    assert.equal(verifyCsr(csr, nodeCrypto).type, 'RSA')
  })
})

describe('requests field by field', () => {
  const rows: readonly [why: string, csr: Uint8Array, code: ProtocolCode | null][] = [
    ['as it should be', request(), null],
    ['a subject, which nobody reads', request({ subject: encodeName([['CN', 'admin']]) }), null],
    ['attributes, which nobody reads', request({ attributes: attributes(attribute('1.2.3', nullValue())) }), null],
    ['version 2', request({ version: integer(1) }), 'csr_invalid'],
    ['a negative version', request({ version: integer(-1) }), 'csr_invalid'],
    ['no attributes field', request({ attributes: null }), 'csr_invalid'],
    ['two attributes fields', request({ attributes: bytesOf('a000a000') }), 'csr_invalid'],
    [
      'attributes in the wrong order',
      request({ attributes: attributes(attribute('1.2.4', nullValue()), attribute('1.2.3', nullValue())) }),
      'csr_invalid',
    ],
    [
      'an attribute of broken DER',
      request({ attributes: attributes(attribute('1.2.3', bytesOf('0500 0c01ff'))) }),
      'csr_invalid',
    ],
    ['a broken subject', request({ subject: bytesOf('30023100') }), 'csr_invalid'],
    ['a broken key', request({ spki: bytesOf('3000') }), 'csr_invalid'],
    ['a byte behind', Buffer.concat([request(), Buffer.of(0)]), 'csr_invalid'],
    ['9 KB', request({ attributes: attributes(attribute('1.2.3', element(4, new Uint8Array(9000)))) }), 'csr_invalid'],
    ['nothing', new Uint8Array(), 'csr_invalid'],
    ['signed by another key', request({}, generateKeyNow('P-256')), 'csr_signature_invalid'],
    ['signed with another hash than it says', request({}, key, { ...ECDSA, hash: 'sha384' }), 'csr_signature_invalid'],
    [
      'an RSA signature for an EC key',
      request({}, rsa, SIGNATURE_ALGORITHMS['RSA-SHA256']),
      'signature_algorithm_forbidden',
    ],
    ['an EC signature for an RSA key', request({ spki: spkiOf(rsa) }), 'signature_algorithm_forbidden'],
  ]
  for (const [why, csr, code] of rows)
    it(`${code ?? 'accepted'}: ${why}`, () =>
      assert.equal(
        codeOf(() => verifyCsr(csr, nodeCrypto)),
        code,
      ))

  it('an algorithm that is not ours', () => {
    const info = sequence(...Object.values(FIELDS).filter(field => field !== null))
    const sha1 = sequence(info, sequence(oid('1.2.840.10045.4.1')), wholeBits(sign('sha1', info, key)))
    assert.equal(
      codeOf(() => verifyCsr(sha1, nodeCrypto)),
      'signature_algorithm_forbidden',
    )
  })

  it('a signature that is changed anywhere', () => {
    const csr = request()
    for (let place = csr.length - 70; place < csr.length; place++) {
      const changed = csr.with(place, csr[place]! ^ 1)
      assert.ok(['csr_signature_invalid', 'csr_invalid'].includes(codeOf(() => verifyCsr(changed, nodeCrypto)) ?? ''))
    }
  })
})

describe('nothing is computed with keys outside the limits', () => {
  const octets = (value: bigint) =>
    bytesOf(value.toString(16).padStart(2 * Math.ceil(value.toString(16).length / 2), '0'))
  const modulus = (bits: number) => octets((1n << BigInt(bits - 1)) + 1n)
  const rsaSpki = (bits: number, exponent: bigint) =>
    sequence(
      sequence(oid(KEY_OIDS.rsaEncryption), nullValue()),
      wholeBits(sequence(unsigned(modulus(bits)), unsigned(octets(exponent)))),
    )
  const rows: readonly [bits: number, exponent: bigint, code: ProtocolCode][] = [
    [1024, 65_537n, 'key_too_small'],
    [8192, 65_537n, 'key_too_large'],
    [16_384, 65_537n, 'key_too_large'],
    [2048, 3n, 'key_exponent_forbidden'],
    [2048, (1n << 2047n) - 1n, 'key_exponent_forbidden'],
  ]
  const untouched: Crypto = {
    sha256: () => assert.fail('computed'),
    verify: () => assert.fail('computed'),
  }
  for (const [bits, exponent, code] of rows)
    it(`${code}: RSA of ${bits} bits, exponent of ${exponent.toString(2).length}`, () => {
      const csr = request({ spki: rsaSpki(bits, exponent) }, rsa, SIGNATURE_ALGORITHMS['RSA-SHA256'])
      assert.equal(
        codeOf(() => verifyCsr(csr, untouched)),
        code,
      )
    })

  it('nor with keys of another type', () => {
    const other = sequence(sequence(oid('1.3.101.113')), wholeBits(new Uint8Array(57)))
    assert.equal(
      codeOf(() => verifyCsr(request({ spki: other }), untouched)),
      'key_type_forbidden',
    )
  })
})
