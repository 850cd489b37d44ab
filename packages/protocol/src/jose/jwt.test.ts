import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import { type JwtClaims, signJwt, TokenTimeError, verifyJwt } from './jwt.ts'
import { base64Url, craft, testKey } from './tokens.suite.ts'

const NOW = 1_795_000_000
const key = testKey('P-256')
const keys = new Map([['k1', key.verifyKey()]])
const expected = {
  typ: 'lanyard-agent+jwt',
  keys,
  issuer: 'spiffe://example.org',
  audience: 'lanyard:example.org',
  at: NOW,
  leeway: 10,
}
const claims: JwtClaims = {
  iss: 'spiffe://example.org',
  aud: 'lanyard:example.org',
  sub: 'spiffe://example.org/tenant/acme/agent/a',
  tid: 'acme',
  jti: 'c0ffee',
  inc: 1,
  iat: NOW,
  nbf: NOW - 10,
  exp: NOW + 900,
  cnf: { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' },
}
const header = { alg: 'ES256', kid: 'k1', typ: 'lanyard-agent+jwt' }
const check = (token: string, at = NOW) => verifyJwt(token, { ...expected, at }, nodeCrypto)
const withClaims = (value: unknown) => craft(header, value, key)

const HOSTILE: readonly [payload: unknown, code: ProtocolCode, why: string][] = [
  ['', 'json_invalid', 'no payload'],
  ['null', 'json_not_object', 'claims of null'],
  ['"sub"', 'json_not_object', 'claims that are a string'],
  [`{"sub":"a","sub":"b","exp":${NOW + 9}}`, 'json_duplicate_name', 'a claim twice'],
  [`{"exp":${NOW + 9},"__proto__":{"aud":"lanyard:example.org"}}`, 'json_forbidden_name', 'a prototype with claims'],
  [`{"exp":${NOW + 9},"a":${'['.repeat(20)}${']'.repeat(20)}}`, 'json_too_deep', 'deep claims'],
  [{ ...claims, exp: undefined }, 'jwt_claim_invalid', 'no exp'],
  [{ ...claims, exp: null }, 'jwt_claim_invalid', 'exp as null'],
  [{ ...claims, exp: `${NOW + 900}` }, 'jwt_claim_invalid', 'exp as text'],
  [JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999'), 'json_invalid', 'exp without end'],
  [{ ...claims, nbf: '0' }, 'jwt_claim_invalid', 'nbf as text'],
  [{ ...claims, iat: true }, 'jwt_claim_invalid', 'iat as a boolean'],
  [{ ...claims, iss: [claims.iss] }, 'jwt_claim_invalid', 'iss as an array'],
  [{ ...claims, sub: { id: 'a' } }, 'jwt_claim_invalid', 'sub as an object'],
  [{ ...claims, jti: 7 }, 'jwt_claim_invalid', 'jti as a number'],
  [{ ...claims, iss: undefined }, 'jwt_issuer_mismatch', 'no issuer'],
  [{ ...claims, iss: 'spiffe://example.com' }, 'jwt_issuer_mismatch', 'another issuer'],
  [{ ...claims, iss: 'spiffe://example.org/' }, 'jwt_issuer_mismatch', 'an issuer that is nearly ours'],
  [{ ...claims, aud: undefined }, 'jwt_claim_invalid', 'no audience'],
  [{ ...claims, aud: [] }, 'jwt_claim_invalid', 'nobody as audience'],
  [{ ...claims, aud: ['lanyard:example.org', 7] }, 'jwt_claim_invalid', 'an audience that is a number'],
  [{ ...claims, aud: { 0: 'lanyard:example.org' } }, 'jwt_claim_invalid', 'an audience that is an object'],
  [{ ...claims, aud: '' }, 'jwt_audience_mismatch', 'an empty audience'],
  [
    { ...claims, aud: 'lanyard:example.org.evil.example' },
    'jwt_audience_mismatch',
    'an audience that begins with ours',
  ],
  [{ ...claims, aud: ['Lanyard:example.org'] }, 'jwt_audience_mismatch', 'our audience in another case'],
  [{ ...claims, exp: NOW - 10 }, 'token_expired', 'a token that ended at the edge of the leeway'],
  [{ ...claims, exp: -1 }, 'token_expired', 'a negative exp'],
  [{ ...claims, nbf: NOW + 11 }, 'token_not_yet_valid', 'a token for later'],
  [{ ...claims, iat: NOW + 11 }, 'token_not_yet_valid', 'a token from the future'],
]

describe('verifyJwt', () => {
  it('gives the claims back', () => assert.deepEqual(check(withClaims(claims)), claims))

  for (const [payload, code, why] of HOSTILE)
    it(`refuses ${why}`, () => refuses(code, () => check(withClaims(payload))))

  it('refuses claims that are no UTF-8', () => {
    const token = craft(header, '{"exp":1}', key)
    const [head, , tail] = token.split('.')
    const input = new Uint8Array([0x7b, 0xc0, 0x80, 0x7d])
    refuses('jws_signature_invalid', () => check(`${head}.${base64Url(input)}.${tail}`))
    refuses('json_invalid', () => check(craft(header, input, key)))
  })

  it('judges the signature before the claims', () => {
    const [head, , tail] = withClaims(claims).split('.')
    refuses('jws_signature_invalid', () => check(`${head}.${base64Url('{"exp":1}')}.${tail}`))
  })

  it('keeps kinds of tokens apart by typ', () => {
    for (const typ of ['JWT', 'at+jwt', 'wit+jwt', undefined])
      refuses('jws_type_mismatch', () => check(craft({ ...header, typ }, claims, key)))
  })

  it('takes an audience among several', () => {
    assert.ok(check(withClaims({ ...claims, aud: ['other', 'lanyard:example.org'] })))
  })

  it('judges no issuer when none is expected', () => {
    const { issuer: _, ...anyIssuer } = expected
    assert.ok(verifyJwt(withClaims({ ...claims, iss: undefined }), anyIssuer, nodeCrypto))
  })

  it('counts both ends of the lifetime with the leeway', () => {
    const token = withClaims({ ...claims, nbf: NOW, iat: NOW, exp: NOW + 60 })
    for (const at of [NOW - 10, NOW, NOW + 60, NOW + 69]) assert.ok(check(token, at))
    refuses('token_not_yet_valid', () => check(token, NOW - 11))
    refuses('token_expired', () => check(token, NOW + 70))
  })

  it('says by how much the time is off', () => {
    const thrown = (token: string, at: number): TokenTimeError => {
      try {
        check(token, at)
      } catch (error) {
        assert.ok(error instanceof TokenTimeError)
        return error
      }
      throw new Error('was accepted')
    }
    const late = thrown(withClaims({ ...claims, exp: NOW }), NOW + 300)
    assert.deepEqual([late.claim, late.value, late.at, late.skew], ['exp', NOW, NOW + 300, 300])
    const early = thrown(withClaims({ ...claims, iat: NOW, nbf: NOW }), NOW - 40)
    assert.deepEqual([early.claim, early.value, early.at, early.skew], ['nbf', NOW, NOW - 40, -40])
  })

  it('refuses when the time or the leeway is not a number', () => {
    for (const [at, leeway] of [
      [Number.NaN, 10],
      [NOW, Number.NaN],
      [undefined, 10],
      [NOW, undefined],
    ] as [number, number][])
      refuses('token_expired', () => verifyJwt(withClaims(claims), { ...expected, at, leeway }, nodeCrypto))
  })

  it('says nothing of the claims in its messages', () => {
    for (const [payload] of HOSTILE)
      assert.throws(
        () => check(withClaims(payload)),
        (error: Error) => !/c0ffee|acme|evil/.test(error.message),
      )
  })
})

describe('signJwt', () => {
  it('writes what verifyJwt reads, for any further claims', () => {
    const further = fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter(name => !(name in claims) && name !== '__proto__'),
      fc.jsonValue({ maxDepth: 2 }),
      { maxKeys: 5 },
    )
    fc.assert(
      fc.property(further, more => {
        const all = JSON.parse(JSON.stringify({ ...more, ...claims })) as JwtClaims
        const token = signJwt({ typ: 'lanyard-agent+jwt', kid: 'k1', claims: all }, key.signer())
        assert.deepEqual(check(token as string), all)
      }),
      { numRuns: 40 },
    )
  })

  it('refuses a token that would never end', () => {
    for (const exp of [undefined, Number.NaN, Number.POSITIVE_INFINITY, NOW + 0.5, `${NOW}`])
      assert.throws(() => signJwt({ kid: 'k1', claims: { ...claims, exp: exp as number } }, key.signer()), TypeError)
  })
})
