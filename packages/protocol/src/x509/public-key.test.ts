import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { nullValue, oid, sequence, unsigned, wholeBits } from '../der/writer.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto, spkiOf } from '../node/crypto.ts'
import { KEY_OIDS } from '../oids.ts'
import { bytesOf, codeOf } from '../refusals.suite.ts'
import { requireKeyLimits } from './key-limits.ts'
import { keyIdentifier, parsePublicKey } from './public-key.ts'

const spki = (type: string, parameters: Uint8Array[], key: Uint8Array) =>
  sequence(sequence(oid(type), ...parameters), wholeBits(key))
const magnitude = (value: bigint) =>
  bytesOf(value.toString(16).padStart(2 * Math.ceil(value.toString(16).length / 2), '0'))
const rsa = (bits: number, exponent: bigint) =>
  spki(
    KEY_OIDS.rsaEncryption,
    [nullValue()],
    sequence(unsigned(magnitude((1n << BigInt(bits - 1)) + 1n)), unsigned(magnitude(exponent))),
  )
const P256 = '1.2.840.10045.3.1.7'
const point = (length: number, lead = 4) => new Uint8Array(length).fill(lead, 0, 1)

describe('public keys of node:crypto', () => {
  const keys = {
    RSA: generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65_537 }),
    'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    Ed25519: generateKeyPairSync('ed25519'),
  }
  const bits = { RSA: 2048, 'P-256': 256, 'P-384': 384, 'P-521': 521, Ed25519: 256 }
  for (const [type, { publicKey }] of Object.entries(keys))
    it(type, () => {
      const info = parsePublicKey(spkiOf(publicKey))
      assert.equal(info.type, type)
      assert.equal(info.bits, bits[type as keyof typeof bits])
      assert.equal(info.exponent, type === 'RSA' ? 65_537n : undefined)
      assert.deepEqual(info.der, spkiOf(publicKey))
      assert.equal(requireKeyLimits(info), info)
    })

  it('of other types are read, and no signature is verified with them', () => {
    const others = [
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
      generateKeyPairSync('ed448'),
      generateKeyPairSync('x25519'),
      generateKeyPairSync('rsa-pss', { modulusLength: 1024 }),
    ]
    for (const { publicKey } of others) {
      const info = parsePublicKey(spkiOf(publicKey))
      assert.deepEqual([info.type, info.bits, info.exponent], [null, 0, undefined])
      assert.equal(
        codeOf(() => requireKeyLimits(info)),
        'key_type_forbidden',
      )
    }
  })

  it('have the first 160 bits of SHA-256 over their bits as identifier', () => {
    const { keyBits } = parsePublicKey(spkiOf(keys['P-256'].publicKey))
    const expected = createHash('sha256').update(keyBits).digest().subarray(0, 20)
    assert.deepEqual(keyIdentifier(keyBits, nodeCrypto), new Uint8Array(expected))
  })

  it('keep their own copy of the bytes', () => {
    const bytes = spkiOf(keys['P-256'].publicKey)
    const info = parsePublicKey(bytes)
    const before = info.keyBits.slice()
    bytes.fill(0)
    assert.deepEqual(info.keyBits, before)
  })
})

describe('hostile public keys', () => {
  const explicit = sequence(bytesOf('020101'), sequence(oid('1.2.840.10045.1.1'), bytesOf('020105')))
  const rows: readonly [why: string, der: Uint8Array, code: ProtocolCode | null][] = [
    ['RSA without parameters', spki(KEY_OIDS.rsaEncryption, [], bytesOf('3006020103020103')), 'der_truncated'],
    [
      'RSA with another parameter',
      spki(KEY_OIDS.rsaEncryption, [oid('1.2.3')], new Uint8Array()),
      'der_tag_unexpected',
    ],
    [
      'RSA with two parameters',
      spki(KEY_OIDS.rsaEncryption, [nullValue(), nullValue()], new Uint8Array()),
      'der_trailing_bytes',
    ],
    [
      'a negative modulus',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3006 0201ff 020103')),
      'public_key_malformed',
    ],
    [
      'a modulus of zero',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3006 020100 020103')),
      'public_key_malformed',
    ],
    [
      'a negative exponent',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3006 020107 0201ff')),
      'public_key_malformed',
    ],
    [
      'an exponent of zero',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3006 020107 020100')),
      'public_key_malformed',
    ],
    [
      'a modulus with leading zeros',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3007 02020007 020103')),
      'der_integer_invalid',
    ],
    [
      'bytes behind the RSA key',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3006 020107 020103 00')),
      'der_trailing_bytes',
    ],
    [
      'a third RSA number',
      spki(KEY_OIDS.rsaEncryption, [nullValue()], bytesOf('3009 020107 020103 020101')),
      'der_trailing_bytes',
    ],
    ['a curve of its own', spki(KEY_OIDS.ecPublicKey, [explicit], point(65)), 'public_key_curve_explicit'],
    ['a curve implied by the CA', spki(KEY_OIDS.ecPublicKey, [nullValue()], point(65)), 'public_key_curve_explicit'],
    ['no curve', spki(KEY_OIDS.ecPublicKey, [], point(65)), 'public_key_curve_explicit'],
    ['a curve and more', spki(KEY_OIDS.ecPublicKey, [oid(P256), nullValue()], point(65)), 'der_trailing_bytes'],
    ['a compressed point', spki(KEY_OIDS.ecPublicKey, [oid(P256)], point(33, 2)), 'public_key_malformed'],
    ['a hybrid point', spki(KEY_OIDS.ecPublicKey, [oid(P256)], point(65, 6)), 'public_key_malformed'],
    ['the point at infinity', spki(KEY_OIDS.ecPublicKey, [oid(P256)], bytesOf('00')), 'public_key_malformed'],
    ['a point of P-384 on P-256', spki(KEY_OIDS.ecPublicKey, [oid(P256)], point(97)), 'public_key_malformed'],
    ['a point that may lie anywhere', spki(KEY_OIDS.ecPublicKey, [oid(P256)], point(65)), null],
    ['Ed25519 with parameters', spki(KEY_OIDS.ed25519, [nullValue()], point(32)), 'public_key_malformed'],
    ['Ed25519 of 31 octets', spki(KEY_OIDS.ed25519, [], point(31)), 'public_key_malformed'],
    ['an unknown algorithm', spki('1.2.3.4', [oid('1.2.3')], point(5)), null],
    [
      'an unknown algorithm with broken parameters',
      spki('1.2.3.4', [bytesOf('06032a8001')], point(5)),
      'der_oid_invalid',
    ],
    [
      'key bits that end within an octet',
      sequence(sequence(oid(KEY_OIDS.ed25519)), bytesOf('03020780')),
      'der_bit_string_invalid',
    ],
    ['a key of 17 KB', spki('1.2.3.4', [], new Uint8Array(17_000)), 'der_too_large'],
    ['nothing', new Uint8Array(), 'der_truncated'],
  ]
  for (const [why, der, code] of rows)
    it(`${code ?? 'accepted'}: ${why}`, () =>
      assert.equal(
        codeOf(() => parsePublicKey(der)),
        code,
      ))
})

describe('limits of RSA keys', () => {
  const rows: readonly [bits: number, exponent: bigint, code: ProtocolCode | null][] = [
    [2048, 65_537n, null],
    [4096, 0xffff_ffffn, null],
    [2047, 65_537n, 'key_too_small'],
    [1024, 65_537n, 'key_too_small'],
    [2, 65_537n, 'key_too_small'],
    [4097, 65_537n, 'key_too_large'],
    [16_384, 65_537n, 'key_too_large'],
    [2048, 1n, 'key_exponent_forbidden'],
    [2048, 3n, 'key_exponent_forbidden'],
    [2048, 65_535n, 'key_exponent_forbidden'],
    [2048, 65_538n, 'key_exponent_forbidden'],
    [2048, 0x1_0000_0001n, 'key_exponent_forbidden'],
    [2048, (1n << 2046n) + 1n, 'key_exponent_forbidden'],
  ]
  for (const [bits, exponent, code] of rows)
    it(`${code ?? 'accepted'}: ${bits} bits, exponent of ${exponent.toString(2).length} bits`, () => {
      const key = parsePublicKey(rsa(bits, exponent))
      assert.deepEqual([key.bits, key.exponent], [bits, exponent])
      assert.equal(
        codeOf(() => requireKeyLimits(key)),
        code,
      )
    })
})

it('an invalid point verifies nothing and throws nothing', () => {
  const algorithm = { name: 'ECDSA-SHA256', keys: ['P-256'], hash: 'sha256', padding: null, jose: 'ES256' } as const
  const der = spki(KEY_OIDS.ecPublicKey, [oid(P256)], point(65))
  assert.equal(nodeCrypto.verify(algorithm, der, bytesOf('00'), bytesOf('00'), 'der'), false)
})
