import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProtocolCode } from '../errors.ts'
import { ALGORITHMS, craft, type TestKey, testKey } from '../jose/tokens.suite.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import { Bundle, bundleSource } from './bundle.ts'
import { SpiffeId, TrustDomain } from './id.ts'
import { type JwtSvidRequest, signJwtSvid, verifyJwtSvid } from './jwt-svid.ts'
import { NOW } from './svids.suite.ts'
import { SVID_TOKEN_ALGORITHMS, type TokenAuthority, tokenAuthority } from './token-authority.ts'

const td = TrustDomain.parse('example.org')
const abroad = TrustDomain.parse('example.com')
const id = SpiffeId.of(td, 'tenant', 'acme', 'agent', 'a')
const key = testKey('P-256')
const rsa = testKey('RSA')
const stranger = testKey('P-256', 'stranger')

const bundles = bundleSource(
  Bundle.of({
    trustDomain: td,
    jwtAuthorities: new Map([
      ['k1', tokenAuthority(key.spki)],
      ['rsa', tokenAuthority(rsa.spki)],
      ['pss', tokenAuthority(rsa.spki, ALGORITHMS['RSA-PSS-SHA256'])],
    ]),
    witAuthorities: new Map([['wit', tokenAuthority(key.spki)]]),
  }),
  Bundle.of({ trustDomain: abroad, jwtAuthorities: new Map([['k2', tokenAuthority(stranger.spki)]]) }),
)
const claims = { sub: `${id}`, aud: ['audience'], exp: NOW + 300, iat: NOW }
const header = { alg: 'ES256', kid: 'k1', typ: 'JWT' }
const verify = (token: string, more: Partial<JwtSvidRequest> = {}) =>
  verifyJwtSvid({ token, audience: 'audience', bundles, at: NOW, ...more }, nodeCrypto)

describe('verifyJwtSvid', () => {
  it('proves the ID in sub', () => {
    const verified = verify(craft(header, claims, key))
    assert.ok(verified.id.equals(id))
    assert.deepEqual(verified.claims, claims)
  })

  for (const typ of ['JWT', 'JOSE', undefined])
    it(`takes typ ${typ}`, () => assert.ok(verify(craft({ ...header, typ }, claims, key))))

  it('takes one audience in text, and one among several', () => {
    assert.ok(verify(craft(header, { ...claims, aud: 'audience' }, key)))
    assert.ok(verify(craft(header, { ...claims, aud: ['other', 'audience'] }, key)))
  })

  for (const [type, algorithm] of nine())
    it(`takes ${algorithm.jose}`, () => {
      const own = testKey(type)
      const authority = new Map([['own', tokenAuthority(own.spki)]])
      const source = bundleSource(Bundle.of({ trustDomain: td, jwtAuthorities: authority }))
      const token = craft({ ...header, alg: algorithm.jose, kid: 'own' }, claims, own, algorithm)
      assert.ok(verify(token, { bundles: source }))
    })

  const wit = { ...header, typ: 'wit+jwt', kid: 'wit' }
  const hostile: readonly [token: string, code: ProtocolCode, why: string][] = [
    ['', 'jws_malformed', 'an empty token'],
    ['malformed', 'jws_malformed', 'a token of one part'],
    [craft({ ...header, alg: 'none' }, claims, key), 'jws_algorithm_forbidden', 'no signature'],
    [craft({ ...header, alg: 'HS256' }, claims, key), 'jws_algorithm_forbidden', 'a MAC'],
    [craft({ ...header, alg: 'EdDSA' }, claims, key), 'jws_algorithm_forbidden', 'EdDSA, which is none of the nine'],
    [craft({ ...header, typ: 'at+jwt' }, claims, key), 'jws_type_mismatch', 'an access token'],
    [craft({ ...header, typ: 'lanyard-agent+jwt' }, claims, key), 'jws_type_mismatch', 'an agent token'],
    [craft({ ...header, typ: 'jwt' }, claims, key), 'jws_type_mismatch', 'typ in another case'],
    [craft(wit, claims, key), 'jws_type_mismatch', 'a WIT-SVID'],
    [craft({ ...wit, typ: 'JWT' }, claims, key), 'jws_key_unknown', 'a WIT authority'],
    [craft({ ...header, kid: undefined }, claims, key), 'jws_header_invalid', 'no key ID'],
    [craft({ ...header, cty: 'JWT' }, claims, key), 'jws_header_forbidden', 'a header that is not allowed'],
    [craft({ ...header, jku: 'https://evil.example' }, claims, key), 'jws_header_forbidden', 'the address of keys'],
    [craft(header, { ...claims, sub: undefined }, key), 'jwt_claim_invalid', 'no subject'],
    [craft(header, { ...claims, sub: '' }, key), 'spiffe_id_scheme', 'an empty subject'],
    [craft(header, { ...claims, sub: 'agent-a' }, key), 'spiffe_id_scheme', 'a subject that is no SPIFFE ID'],
    [
      craft(header, { ...claims, sub: 'spiffe://example.org' }, key),
      'svid_path_missing',
      'the trust domain as subject',
    ],
    [craft(header, { ...claims, sub: [`${id}`] }, key), 'jwt_claim_invalid', 'a list of subjects'],
    [craft(header, { ...claims, sub: 'spiffe://stranger.example/a' }, key), 'bundle_unknown', 'no bundle'],
    [craft({ ...header, kid: 'k9' }, claims, key), 'jws_key_unknown', 'a key that is not in the bundle'],
    [craft({ ...header, kid: 'k2' }, claims, stranger), 'jws_key_unknown', 'the key of another trust domain'],
    [craft(header, claims, stranger), 'jws_signature_invalid', 'another key under a known ID'],
    [craft({ ...header, alg: 'ES384' }, claims, key), 'jws_algorithm_mismatch', 'the algorithm of another curve'],
    [craft({ ...header, alg: 'RS256' }, claims, rsa), 'jws_algorithm_mismatch', 'RSA under the ID of an EC key'],
    [craft({ ...header, alg: 'RS256', kid: 'pss' }, claims, rsa), 'jws_algorithm_mismatch', 'PKCS #1 with a PSS key'],
    [craft(header, { ...claims, exp: undefined }, key), 'jwt_claim_invalid', 'no expiry'],
    [craft(header, { ...claims, exp: NOW - 10 }, key), 'token_expired', 'a token that has ended'],
    [craft(header, { ...claims, nbf: NOW + 11 }, key), 'token_not_yet_valid', 'a token for later'],
    [craft(header, { ...claims, aud: undefined }, key), 'jwt_claim_invalid', 'no audience'],
    [craft(header, { ...claims, aud: [] }, key), 'jwt_claim_invalid', 'an empty list of audiences'],
    [craft(header, { ...claims, aud: ['another'] }, key), 'jwt_audience_mismatch', 'another audience'],
  ]
  for (const [token, code, why] of hostile) it(`refuses ${why}`, () => refuses(code, () => verify(token)))

  it('asks for the bundle of the trust domain in sub, and for no other', () => {
    const asked: string[] = []
    const source = (name: TrustDomain) => {
      asked.push(name.name)
      return bundles(name)
    }
    const token = craft({ ...header, kid: 'k2' }, { ...claims, sub: 'spiffe://example.com/a' }, stranger)
    assert.equal(`${verify(token, { bundles: source }).id}`, 'spiffe://example.com/a')
    assert.deepEqual(asked, ['example.com'])
  })

  it('allows ten seconds of skew unless told otherwise', () => {
    const token = craft(header, { ...claims, exp: NOW }, key)
    assert.ok(verify(token, { at: NOW + 9 }))
    refuses('token_expired', () => verify(token, { at: NOW + 10 }))
    refuses('token_expired', () => verify(token, { leeway: 0 }))
    assert.ok(verify(token, { at: NOW + 59, leeway: 60 }))
  })

  it('obeys a limit of bytes', () =>
    refuses('jws_too_large', () => verify(craft(header, claims, key), { maxBytes: 99 })))
})

function nine(): [TestKey['type'], TokenAuthority['algorithms'][number]][] {
  const types = ['RSA', 'P-256', 'P-384', 'P-521'] as const
  return types.flatMap(type => tokenAuthority(testKey(type).spki).algorithms.map(row => [type, row] as const)) as never
}

describe('signJwtSvid', () => {
  const input = { id, audience: ['audience'], kid: 'k1', issuedAt: NOW, expiresAt: NOW + 300 }

  it('writes what verifyJwtSvid proves', () => {
    const token = signJwtSvid({ ...input, claims: { jti: 'x', inc: 3 } }, key.signer()) as string
    assert.deepEqual(verify(token).claims, { ...claims, jti: 'x', inc: 3 })
    assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()), header)
  })

  it('lets no further claim stand in for its own', () => {
    const further = { sub: 'spiffe://example.org/admin', aud: 'all', exp: NOW * 2, iat: 0 }
    const token = signJwtSvid({ ...input, claims: further }, key.signer()) as string
    assert.deepEqual(verify(token).claims, claims)
  })

  it('knows nine algorithms, and signs with no other', () => {
    assert.deepEqual(SVID_TOKEN_ALGORITHMS.map(row => row.jose).sort(), [
      'ES256',
      'ES384',
      'ES512',
      'PS256',
      'PS384',
      'PS512',
      'RS256',
      'RS384',
      'RS512',
    ])
    assert.throws(() => signJwtSvid(input, testKey('Ed25519').signer()), TypeError)
  })

  it('refuses the ID of a trust domain, and a token for nobody', () => {
    refuses('svid_path_missing', () => signJwtSvid({ ...input, id: SpiffeId.of(td) }, key.signer()))
    assert.throws(() => signJwtSvid({ ...input, audience: [] }, key.signer()), TypeError)
  })
})
