import assert from 'node:assert/strict'
import { createHmac, verify } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { KeyType, SignatureAlgorithm } from '../algorithms.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import { JOSE_ALGORITHMS, joseAlgorithmsFor } from './algorithms.ts'
import { MAX_TOKEN_BYTES, readCompact, signCompact, verifyCompact } from './jws.ts'
import { ALGORITHMS, base64Url, craft, testKey } from './tokens.suite.ts'

const KEY_TYPES: readonly KeyType[] = ['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519']
const key = testKey('P-256')
const rsa = testKey('RSA')
const header = { alg: 'ES256', kid: 'k1', typ: 'test+jwt' }
const payload = new TextEncoder().encode('{"a":1}')
const keys = new Map([
  ['k1', key.verifyKey()],
  ['rsa', rsa.verifyKey()],
])
const expected = { typ: 'test+jwt', algorithms: JOSE_ALGORITHMS }
const check = (token: string) => verifyCompact(token, keys, expected, nodeCrypto)
const good = craft(header, '{"a":1}', key)

describe('signCompact and verifyCompact', () => {
  for (const type of KEY_TYPES)
    for (const algorithm of joseAlgorithmsFor(type))
      it(`agree on ${algorithm.jose}, and node:crypto with both`, () => {
        const own = testKey(type)
        const token = signCompact({ header: { kid: 'x', typ: 'test+jwt' }, payload }, own.signer(algorithm)) as string
        assert.ok(verifiedByNode(token, algorithm, type))
        const known = new Map([['x', own.verifyKey(algorithm)]])
        const verified = verifyCompact(token, known, expected, nodeCrypto)
        assert.deepEqual(verified.payload, payload)
        assert.deepEqual(verified.header, { alg: algorithm.jose, kid: 'x', typ: 'test+jwt' })
        const theirs = craft({ ...header, alg: algorithm.jose, kid: 'x' }, '{"a":1}', own, algorithm)
        assert.deepEqual(verifyCompact(theirs, known, expected, nodeCrypto).payload, payload)
      })

  it('carries any payload', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        const token = signCompact({ header: { kid: 'k1', typ: 'test+jwt' }, payload: bytes }, key.signer()) as string
        assert.deepEqual(check(token).payload, bytes)
      }),
      { numRuns: 30 },
    )
  })

  it('waits for a signer that answers later', async () => {
    const { algorithm, spki, sign } = key.signer()
    const remote = { algorithm, spki, sign: async (data: Uint8Array) => sign(data, 'raw') }
    const token = signCompact({ header: { kid: 'k1', typ: 'test+jwt' }, payload }, remote)
    assert.ok(token instanceof Promise)
    assert.deepEqual(check(await token).payload, payload)
  })
})

function verifiedByNode(token: string, { hash, padding }: SignatureAlgorithm, type: KeyType): boolean {
  const [head, body, signature] = token.split('.') as [string, string, string]
  const pss = padding === 'pss' ? { padding: 6, saltLength: -1 } : {}
  const options = { key: testKey(type).publicKey, dsaEncoding: 'ieee-p1363' as const, ...pss }
  return verify(hash, Buffer.from(`${head}.${body}`), options, Buffer.from(signature, 'base64url'))
}

const [head, body, tail] = good.split('.') as [string, string, string]
const withHeader = (value: unknown) => craft(value, '{"a":1}', key)
const publicJwk = key.publicKey.export({ format: 'jwk' })

const HOSTILE: readonly [token: string, code: ProtocolCode, why: string][] = [
  ['', 'jws_malformed', 'empty'],
  ['a', 'jws_malformed', 'one part'],
  [`${head}.${body}`, 'jws_malformed', 'no signature'],
  [`${head}.${body}.`, 'jws_malformed', 'an empty signature'],
  [`.${body}.${tail}`, 'jws_malformed', 'an empty header'],
  ['..', 'jws_malformed', 'dots alone'],
  [`${good}.`, 'jws_malformed', 'four parts'],
  [`${good}.${tail}.${tail}`, 'jws_malformed', 'five parts, as JWE has'],
  [`${good}=`, 'jws_malformed', 'padding'],
  [` ${good}`, 'jws_malformed', 'a space before'],
  [`${good}\n`, 'jws_malformed', 'a line end after'],
  [`${head}.${body}.${tail.slice(0, -1)}`, 'jws_malformed', 'a signature cut inside of a byte'],
  [
    `${head}.${body}.${nonCanonical(tail)}`,
    'jws_malformed',
    'spare bits that are not zero: a second text of one token',
  ],
  [`${head}.${body}+.${tail}`, 'jws_malformed', 'a character of plain base64'],
  [`${head}.${body}é.${tail}`, 'jws_malformed', 'a character beyond ASCII'],
  [`${base64Url(new Uint8Array([0x7b, 0xff, 0x7d]))}.${body}.${tail}`, 'jws_malformed', 'a header that is no UTF-8'],
  [JSON.stringify({ payload: body, protected: head, signature: tail }), 'jws_malformed', 'JSON serialisation'],
  [withHeader('null'), 'json_not_object', 'a header of null'],
  [withHeader('[]'), 'json_not_object', 'a header that is an array'],
  [withHeader('{"alg":"ES256",'), 'json_invalid', 'a header that is cut'],
  [withHeader('{"alg":"none","alg":"ES256","kid":"k1","typ":"test+jwt"}'), 'json_duplicate_name', 'alg twice'],
  [withHeader(`{"alg":"ES256","kid":"${'k'.repeat(2000)}"}`), 'json_too_large', 'a huge header'],
  [withHeader({ ...header, alg: undefined }), 'jws_header_invalid', 'no alg'],
  [withHeader({ ...header, alg: 7 }), 'jws_header_invalid', 'alg as a number'],
  [withHeader({ ...header, alg: ['ES256'] }), 'jws_header_invalid', 'alg as an array'],
  [withHeader({ ...header, kid: undefined }), 'jws_header_invalid', 'no kid'],
  [withHeader({ ...header, kid: '' }), 'jws_header_invalid', 'an empty kid'],
  [withHeader({ ...header, kid: null }), 'jws_header_invalid', 'kid as null'],
  [withHeader({ ...header, typ: 1 }), 'jws_header_invalid', 'typ as a number'],
  [withHeader({ ...header, jwk: publicJwk }), 'jws_header_forbidden', 'its own key'],
  [withHeader({ ...header, jku: 'https://evil.example/keys' }), 'jws_header_forbidden', 'the address of its own keys'],
  [withHeader({ ...header, x5c: ['AA=='] }), 'jws_header_forbidden', 'its own certificate'],
  [withHeader({ ...header, x5u: 'https://evil.example/c' }), 'jws_header_forbidden', 'the address of its certificate'],
  [withHeader({ ...header, crit: ['exp'], exp: 1 }), 'jws_header_forbidden', 'rules that we do not know'],
  [withHeader({ ...header, b64: false, crit: ['b64'] }), 'jws_header_forbidden', 'an unencoded payload'],
  [withHeader({ ...header, zip: 'DEF' }), 'jws_header_forbidden', 'compression'],
  [withHeader({ ...header, cty: 'JWT' }), 'jws_header_forbidden', 'a nested token'],
  [withHeader({ ...header, ALG: 'none' }), 'jws_header_forbidden', 'a name in another case'],
  [withHeader({ ...header, typ: undefined }), 'jws_type_mismatch', 'no typ'],
  [withHeader({ ...header, typ: 'JWT' }), 'jws_type_mismatch', 'another kind of token'],
  [withHeader({ ...header, typ: 'TEST+JWT' }), 'jws_type_mismatch', 'typ in another case'],
  [withHeader({ ...header, typ: 'application/test+jwt' }), 'jws_type_mismatch', 'typ written at length'],
  [withHeader({ ...header, alg: 'none' }), 'jws_algorithm_forbidden', 'no signature algorithm'],
  [withHeader({ ...header, alg: 'None' }), 'jws_algorithm_forbidden', 'none in another case'],
  [withHeader({ ...header, alg: 'HS256' }), 'jws_algorithm_forbidden', 'a MAC'],
  [withHeader({ ...header, alg: 'es256' }), 'jws_algorithm_forbidden', 'an algorithm in another case'],
  [withHeader({ ...header, alg: 'ECDSA-SHA256' }), 'jws_algorithm_forbidden', 'a name of ours that is not of JOSE'],
  [withHeader({ ...header, alg: 'null' }), 'jws_algorithm_forbidden', 'a name that a careless comparison would make'],
  [macWithPublicKey(), 'jws_algorithm_forbidden', 'a MAC with the public key as its secret'],
  [withHeader({ ...header, kid: 'k2' }), 'jws_key_unknown', 'an unknown key'],
  [withHeader({ ...header, kid: '__proto__' }), 'jws_key_unknown', 'a key from the prototype'],
  [withHeader({ ...header, alg: 'ES384' }), 'jws_algorithm_mismatch', 'another algorithm than the key has'],
  [withHeader({ ...header, alg: 'RS256' }), 'jws_algorithm_mismatch', 'an algorithm of another kind of key'],
  [
    craft({ ...header, alg: 'PS256', kid: 'rsa' }, '{}', rsa, ALGORITHMS['RSA-PSS-SHA256']),
    'jws_algorithm_mismatch',
    'PSS with a key for PKCS #1',
  ],
  [craft(header, '{"a":1}', testKey('P-256', 'second')), 'jws_signature_invalid', 'the signature of another key'],
  [`${head}.${base64Url('{"a":2}')}.${tail}`, 'jws_signature_invalid', 'another payload'],
  [
    `${base64Url(JSON.stringify({ kid: 'k1', typ: 'test+jwt', alg: 'ES256' }))}.${body}.${tail}`,
    'jws_signature_invalid',
    'the header in another order',
  ],
  [
    `${head}.${body}.${base64Url(new Uint8Array(64))}`,
    'jws_signature_invalid',
    'a signature of zeroes (CVE-2022-21449)',
  ],
  [`${head}.${body}.${base64Url(derSignature())}`, 'jws_signature_invalid', 'a signature in DER'],
  [`${head}.${body}.AA`, 'jws_signature_invalid', 'a signature of one byte'],
  ['A'.repeat(MAX_TOKEN_BYTES + 1), 'jws_too_large', 'a byte too long'],
]

/** The same bytes with a spare bit set in the last character: 64 bytes leave four spare bits. */
function nonCanonical(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const changed = text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1]
  assert.deepEqual(Buffer.from(changed, 'base64url'), Buffer.from(text, 'base64url'))
  return changed
}

function macWithPublicKey(): string {
  const input = `${base64Url(JSON.stringify({ ...header, alg: 'HS256' }))}.${body}`
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' })
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
}

/** The good signature as X.509 writes it. */
function derSignature(): Uint8Array {
  const raw = Buffer.from(tail, 'base64url')
  const integer = (bytes: Buffer) => Buffer.concat([Buffer.from([2, bytes.length + 1, 0]), bytes])
  const both = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, both.length]), both])
}

describe('verifyCompact', () => {
  it('takes the good token that the others are made of', () => assert.deepEqual(check(good).payload, payload))

  for (const [token, code, why] of HOSTILE) it(`refuses ${why}`, () => refuses(code, () => check(token)))

  it('refuses an algorithm that this use does not allow, though the key has it', () => {
    const only = { ...expected, algorithms: [ALGORITHMS.Ed25519] }
    refuses('jws_algorithm_forbidden', () => verifyCompact(good, keys, only, nodeCrypto))
  })

  it('obeys the limit that it is given', () => {
    assert.ok(verifyCompact(good, keys, { ...expected, maxBytes: good.length }, nodeCrypto))
    refuses('jws_too_large', () => verifyCompact(good, keys, { ...expected, maxBytes: good.length - 1 }, nodeCrypto))
  })

  it('asks for no signature before the header is judged', () => {
    const never = {
      sha256: nodeCrypto.sha256,
      verify: () => assert.fail('a signature was verified'),
    }
    for (const [token, code] of HOSTILE)
      if (code !== 'jws_signature_invalid') refuses(code, () => verifyCompact(token, keys, expected, never))
  })

  it('refuses every change of a character', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom(...'ABYZabyz0189-_.=+ '), (at, character) => {
        const changed = good.slice(0, at) + character + good.slice(at + 1)
        if (changed !== good) assert.throws(() => check(changed), { name: 'ProtocolError' })
      }),
    )
  })

  it('says nothing of the token in its messages', () => {
    for (const [token, code] of HOSTILE)
      assert.throws(
        () => check(token),
        (error: Error) => !error.message.includes(tail) && !error.message.includes(body),
        code,
      )
  })
})

describe('readCompact', () => {
  it('never throws anything but its codes', () => {
    const part = fc.oneof(fc.base64String(), fc.json().map(base64Url), fc.string())
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), parts => {
        try {
          readCompact(parts.join('.'))
        } catch (error) {
          assert.equal((error as Error).name, 'ProtocolError')
        }
      }),
    )
  })
})
