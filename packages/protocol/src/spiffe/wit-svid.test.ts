import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProtocolCode } from '../errors.ts'
import { craft, testKey } from '../jose/tokens.suite.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import { Bundle, bundleSource } from './bundle.ts'
import { SpiffeId, TrustDomain } from './id.ts'
import { NOW } from './svids.suite.ts'
import { tokenAuthority } from './token-authority.ts'
import { signWitSvid, verifyWitSvid } from './wit-svid.ts'

const td = TrustDomain.parse('example.org')
const id = SpiffeId.of(td, 'tenant', 'acme', 'agent', 'a')
const key = testKey('P-256')
const stranger = testKey('P-256', 'stranger')
const workload = testKey('P-384')

const bundles = bundleSource(
  Bundle.of({
    trustDomain: td,
    jwtAuthorities: new Map([['jwt', tokenAuthority(key.spki)]]),
    witAuthorities: new Map([['wit', tokenAuthority(key.spki)]]),
  }),
)
const input = { id, spki: workload.spki, kid: 'wit', issuedAt: NOW, expiresAt: NOW + 300 }
const verify = (token: string, at = NOW) => verifyWitSvid({ token, bundles, at }, nodeCrypto)
const written = verify(signWitSvid(input, key.signer()) as string)

describe('signWitSvid', () => {
  it('writes what verifyWitSvid proves: the ID, and the key with its algorithm', () => {
    assert.ok(written.id.equals(id))
    assert.deepEqual(written.key.spki, workload.spki)
    assert.deepEqual(
      written.key.algorithms.map(row => row.jose),
      ['ES384'],
    )
    const more = verify(signWitSvid({ ...input, claims: { jti: 'x', inc: 3 } }, key.signer()) as string)
    assert.deepEqual(more.claims, { ...written.claims, jti: 'x', inc: 3 })
  })

  it('binds RSA to one algorithm', () => {
    const token = signWitSvid({ ...input, spki: testKey('RSA').spki }, key.signer()) as string
    assert.equal(verify(token).key.algorithms.length, 1)
  })

  it('lets no further claim stand in for its own', () => {
    const further = { sub: 'spiffe://example.org/admin', exp: NOW * 2, iat: 0, cnf: {} }
    const token = signWitSvid({ ...input, claims: further }, key.signer()) as string
    assert.deepEqual(verify(token).claims, written.claims)
  })

  it('refuses an audience, the ID of a trust domain, and keys that cannot sign', () => {
    assert.throws(() => signWitSvid({ ...input, claims: { aud: ['a'] } }, key.signer()), TypeError)
    assert.throws(() => signWitSvid(input, testKey('Ed25519').signer()), TypeError)
    refuses('svid_path_missing', () => signWitSvid({ ...input, id: SpiffeId.of(td) }, key.signer()))
    refuses('jwk_unsupported', () => signWitSvid({ ...input, spki: testKey('Ed25519').spki }, key.signer()))
  })
})

describe('verifyWitSvid', () => {
  const header = { alg: 'ES256', kid: 'wit', typ: 'wit+jwt' }
  const claims = written.claims
  const { jwk } = claims.cnf as { jwk: Record<string, string> }
  const hostile: readonly [token: string, code: ProtocolCode, why: string][] = [
    [craft({ ...header, typ: 'JWT' }, claims, key), 'jws_type_mismatch', 'a JWT-SVID'],
    [craft({ ...header, typ: undefined }, claims, key), 'jws_type_mismatch', 'a token that does not say what it is'],
    [craft({ ...header, kid: 'jwt' }, claims, key), 'jws_key_unknown', 'a JWT authority'],
    [craft(header, claims, stranger), 'jws_signature_invalid', 'another key under a known ID'],
    [craft(header, { ...claims, sub: undefined }, key), 'jwt_claim_invalid', 'no subject'],
    [craft(header, { ...claims, sub: 'spiffe://example.org' }, key), 'svid_path_missing', 'the trust domain'],
    [craft(header, { ...claims, sub: 'spiffe://example.com/a' }, key), 'bundle_unknown', 'another trust domain'],
    [craft(header, { ...claims, aud: ['a'] }, key), 'jwt_claim_invalid', 'an audience'],
    [craft(header, { ...claims, exp: undefined }, key), 'jwt_claim_invalid', 'no expiry'],
    [craft(header, { ...claims, exp: NOW - 10 }, key), 'token_expired', 'a token that has ended'],
    [craft(header, { ...claims, nbf: NOW + 11 }, key), 'token_not_yet_valid', 'a token for later'],
    [craft(header, { ...claims, cnf: undefined }, key), 'jwt_claim_invalid', 'no key'],
    [craft(header, { ...claims, cnf: { jwk: 'x' } }, key), 'jwt_claim_invalid', 'a key in text'],
    [craft(header, { ...claims, cnf: { jkt: 'x' } }, key), 'jwt_claim_invalid', 'a thumbprint alone'],
    [craft(header, { ...claims, cnf: { jwk: { ...jwk, alg: undefined } } }, key), 'jwt_claim_invalid', 'no algorithm'],
    [craft(header, { ...claims, cnf: { jwk: { ...jwk, alg: 'none' } } }, key), 'jwk_unsupported', 'no signature'],
    [craft(header, { ...claims, cnf: { jwk: { ...jwk, alg: 'ES256' } } }, key), 'jwk_unsupported', 'another curve'],
    [craft(header, { ...claims, cnf: { jwk: { ...jwk, d: 'AA' } } }, key), 'jwk_private', 'a private key'],
  ]
  for (const [token, code, why] of hostile) it(`refuses ${why}`, () => refuses(code, () => verify(token)))
})
