import assert from 'node:assert/strict'
import { createPublicKey, webcrypto } from 'node:crypto'
import { describe, it } from 'node:test'
import type { KeyType } from '../algorithms.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import type { JsonObject } from './json.ts'
import { jwkFromSpki, jwkThumbprint, type PublicJwk, spkiFromJwk } from './jwk.ts'
import { base64Url, testKey } from './tokens.suite.ts'

const KEY_TYPES: readonly KeyType[] = ['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519']
const NAMES = Array.from({ length: 12 }, (_, i) => `key ${i}`)

const WEB_ALGORITHMS = {
  RSA: { name: 'RSA-PSS', hash: 'SHA-256' },
  'P-256': { name: 'ECDSA', namedCurve: 'P-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384' },
  'P-521': { name: 'ECDSA', namedCurve: 'P-521' },
  Ed25519: { name: 'Ed25519' },
} as const satisfies Record<KeyType, object>

describe('JWK and SubjectPublicKeyInfo', () => {
  for (const type of KEY_TYPES) {
    // Many EC keys, so that some coordinates begin with a zero; one RSA key, since those are slow to make.
    const keys = type === 'RSA' ? [testKey(type)] : NAMES.map(name => testKey(type, name))

    it(`agree with OpenSSL on ${type}`, () => {
      for (const { publicKey, spki } of keys) {
        const theirs = publicKey.export({ format: 'jwk' })
        assert.deepEqual(jwkFromSpki(spki), theirs)
        assert.deepEqual(spkiFromJwk(theirs as JsonObject), spki)
        assert.ok(createPublicKey({ key: jwkFromSpki(spki) as never, format: 'jwk' }).equals(publicKey))
      }
    })

    it(`agree with WebCrypto on ${type}`, async () => {
      for (const { spki } of keys.slice(0, 3)) {
        const algorithm = WEB_ALGORITHMS[type]
        const imported = await webcrypto.subtle.importKey('jwk', jwkFromSpki(spki), algorithm, true, ['verify'])
        assert.deepEqual(new Uint8Array(await webcrypto.subtle.exportKey('spki', imported)), spki)
        const exported = await webcrypto.subtle.exportKey('jwk', imported)
        const { key_ops: _, ext: __, alg: ___, ...jwk } = exported
        assert.deepEqual(spkiFromJwk(jwk as JsonObject), spki)
      }
    })
  }
})

const rsa = jwkFromSpki(testKey('RSA').spki) as JsonObject
const ec = jwkFromSpki(testKey('P-256').spki) as JsonObject
const okp = jwkFromSpki(testKey('Ed25519').spki) as JsonObject
const longer = (text: unknown) => base64Url(Buffer.concat([Buffer.from([0]), Buffer.from(text as string, 'base64url')]))

const HOSTILE: readonly [jwk: JsonObject, code: ProtocolCode, why: string][] = [
  [{}, 'jwk_invalid', 'no kty'],
  [{ ...ec, kty: null }, 'jwk_invalid', 'kty as null'],
  [{ ...ec, kty: ['EC'] }, 'jwk_invalid', 'kty as an array'],
  [{ ...ec, kty: 'ec' }, 'jwk_unsupported', 'kty in another case'],
  [{ kty: 'oct', x: 'AAAA' }, 'jwk_unsupported', 'a symmetric key type'],
  [{ kty: 'oct', k: 'AAAA' }, 'jwk_private', 'a symmetric key'],
  [{ ...ec, d: 'AAAA' }, 'jwk_private', 'a private EC key'],
  [{ ...okp, d: '' }, 'jwk_private', 'an empty private member'],
  [{ ...rsa, d: 'AAAA' }, 'jwk_private', 'a private RSA key'],
  [{ ...rsa, p: 'AAAA', q: 'AAAA' }, 'jwk_private', 'the primes of an RSA key'],
  [{ ...rsa, oth: [] }, 'jwk_private', 'further primes'],
  [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }, 'jwk_unsupported', 'a key type from after this code'],
  [{ ...ec, crv: 'secp256k1' }, 'jwk_unsupported', 'another curve'],
  [{ ...ec, crv: 'p-256' }, 'jwk_unsupported', 'a curve in another case'],
  [{ ...ec, crv: undefined } as never, 'jwk_invalid', 'no curve'],
  [{ ...ec, crv: 'P-384' }, 'jwk_invalid', 'coordinates of another curve'],
  [{ ...ec, x: longer(ec.x) }, 'jwk_invalid', 'a coordinate that is longer than its field'],
  [{ ...ec, x: `${ec.x}=` }, 'jwk_invalid', 'padding'],
  [{ ...ec, x: (ec.x as string).slice(0, 40) }, 'jwk_invalid', 'a coordinate that is cut'],
  [{ ...ec, y: undefined } as never, 'jwk_invalid', 'no y'],
  [{ ...ec, y: 7 }, 'jwk_invalid', 'y as a number'],
  [{ ...okp, crv: 'X25519' }, 'jwk_unsupported', 'a key that cannot sign'],
  [{ ...okp, crv: 'P-256' }, 'jwk_unsupported', 'a curve of another kty'],
  [{ ...okp, x: 'AAAA' }, 'jwk_invalid', 'a short Ed25519 key'],
  [{ ...rsa, n: longer(rsa.n) }, 'jwk_invalid', 'a modulus with a leading zero: a second thumbprint of one key'],
  [{ ...rsa, e: 'AAEAAQ' }, 'jwk_invalid', 'an exponent with a leading zero'],
  [{ ...rsa, e: '' }, 'jwk_invalid', 'an empty exponent'],
  [{ ...rsa, n: 'A'.repeat(2000) }, 'jwk_invalid', 'a modulus that is too long to decode'],
  [{ ...rsa, n: `${(rsa.n as string).slice(0, -1)}+` }, 'jwk_invalid', 'a character of plain base64'],
]

describe('spkiFromJwk', () => {
  for (const [jwk, code, why] of HOSTILE) it(`refuses ${why}`, () => refuses(code, () => spkiFromJwk(jwk)))

  it('leaves what the key is for to the caller', () => {
    assert.deepEqual(spkiFromJwk({ ...ec, kid: '1', use: 'sig', alg: 'ES256', ext: true }), testKey('P-256').spki)
  })
})

describe('jwkThumbprint', () => {
  it('is the one of the example in RFC 7638, 3.1', () => {
    const jwk: PublicJwk = {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
    }
    assert.equal(jwkThumbprint(jwk, nodeCrypto), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  })

  it('is the one of the example in RFC 8037, A.3', () => {
    const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    assert.equal(jwkThumbprint(jwk, nodeCrypto), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })

  it('does not depend on the order or on other members', () => {
    const { kty, crv, x, y } = ec as Record<string, string>
    const shuffled = { y, alg: 'ES256', x, kid: '1', crv, kty } as unknown as PublicJwk
    assert.equal(jwkThumbprint(shuffled, nodeCrypto), jwkThumbprint(ec as unknown as PublicJwk, nodeCrypto))
  })
})
