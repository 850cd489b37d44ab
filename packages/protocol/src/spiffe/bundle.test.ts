import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeBase64 } from '../base64.ts'
import type { ProtocolCode } from '../errors.ts'
import { jwkFromSpki } from '../jose/jwk.ts'
import { testKey } from '../jose/tokens.suite.ts'
import { refuses } from '../refusals.suite.ts'
import { Bundle, bundleFor, bundleSource, MAX_BUNDLE_KEYS, MAX_BUNDLE_LENGTH } from './bundle.ts'
import { TrustDomain } from './id.ts'
import { testRoot } from './svids.suite.ts'
import { type TokenAuthority, tokenAuthority } from './token-authority.ts'

const td = TrustDomain.parse('example.org')
const root = testRoot('root').certificate
const other = testRoot('other').certificate
const jwk = jwkFromSpki(testKey('P-256').spki)
const parse = (document: unknown) =>
  Bundle.parse(td, typeof document === 'string' ? document : JSON.stringify(document))

const x509Key = { use: 'x509-svid', ...jwkFromSpki(root.publicKey.der), x5c: [encodeBase64(root.der)] }
const jwtKey = { use: 'jwt-svid', kid: 'j1', ...jwk }
const witKey = { use: 'wit-svid', kid: 'w1', ...jwk }

/** A bundle in comparable form. */
function contents(bundle: Bundle): unknown {
  const tokens = (authorities: ReadonlyMap<string, TokenAuthority>) =>
    Array.from(authorities, ([kid, { spki, algorithms }]) => [kid, encodeBase64(spki), algorithms.map(row => row.name)])
  return {
    trustDomain: bundle.trustDomain.name,
    x509: bundle.x509Authorities.map(({ der }) => encodeBase64(der)),
    jwt: tokens(bundle.jwtAuthorities),
    wit: tokens(bundle.witAuthorities),
    sequence: bundle.sequence,
    refreshHint: bundle.refreshHint,
  }
}

describe('Bundle.parse', () => {
  it('reads authorities of all three kinds, sequence and hint', () => {
    const bundle = parse({ keys: [x509Key, jwtKey, witKey], spiffe_sequence: 7, spiffe_refresh_hint: 300 })
    assert.ok(bundle.trustDomain.equals(td))
    assert.deepEqual(bundle.x509Authorities, [root])
    assert.deepEqual([...bundle.jwtAuthorities.keys()], ['j1'])
    assert.deepEqual([...bundle.witAuthorities.keys()], ['w1'])
    assert.equal(bundle.sequence, 7n)
    assert.equal(bundle.refreshHint, 300)
  })

  it('reads a bundle without keys: nothing is valid any more', () => {
    const bundle = parse({ keys: [] })
    assert.deepEqual(contents(bundle), contents(Bundle.of({ trustDomain: td })))
    assert.equal(bundle.sequence, undefined)
  })

  const ignored: readonly [key: object, why: string][] = [
    [{ ...jwtKey, use: undefined }, 'no use'],
    [{ ...jwtKey, use: 'sig' }, 'the use of plain JWKs'],
    [{ ...jwtKey, use: 'JWT-SVID' }, 'a use in another case'],
    [{ ...jwtKey, use: 7 }, 'a use that is a number'],
    [{ ...jwtKey, kty: 'AKP', pub: 'AAAA' }, 'a key type from after this code'],
    [{ ...jwtKey, kty: undefined }, 'no key type'],
    [{ ...jwtKey, kty: 'oct', k: 'AAAA' }, 'a symmetric key, which nothing is verified with'],
    [{ ...jwtKey, crv: 'secp256k1' }, 'an unknown curve'],
    [{ ...x509Key, crv: 'secp256k1' }, 'an X.509 authority on an unknown curve'],
    [{ ...jwtKey, alg: 'HS256' }, 'an algorithm that is none of the nine'],
    [{ ...jwtKey, alg: 'ES384' }, 'an algorithm of another curve'],
    [{ ...jwtKey, alg: 7 }, 'an algorithm that is a number'],
    [
      { ...jwkFromSpki(testKey('Ed25519').spki), use: 'jwt-svid', kid: 'e' },
      'a key for EdDSA, which is none of the nine',
    ],
    [{ use: 'x509-svid', kty: 'future' }, 'an X.509 authority of an unknown type'],
  ]
  for (const [key, why] of ignored)
    it(`ignores a key with ${why}`, () => {
      const bundle = parse({ keys: [key, { ...jwtKey, kid: 'kept' }] })
      assert.deepEqual([...bundle.jwtAuthorities.keys()], ['kept'])
      assert.deepEqual(bundle.x509Authorities, [])
    })

  it('ignores members that it does not know, and a kid that X.509 authorities should not have', () => {
    const bundle = parse({ keys: [{ ...x509Key, kid: 'x', key_ops: ['verify'] }], issuer: 'x', spiffe_future: [1] })
    assert.deepEqual(bundle.x509Authorities, [root])
  })

  it('takes the same X.509 authority twice as one', () => {
    assert.deepEqual(parse({ keys: [x509Key, x509Key] }).x509Authorities, [root])
  })

  const weak = { use: 'jwt-svid', kid: 'r', kty: 'RSA', e: 'AQAB', n: 'gQ'.padEnd(171, 'A') }
  const hostile: readonly [document: unknown, code: ProtocolCode, why: string][] = [
    ['', 'json_invalid', 'an empty text'],
    ['[]', 'json_not_object', 'an array'],
    ['{"keys":[],"keys":[]}', 'json_duplicate_name', 'keys twice'],
    [`{"keys":${'['.repeat(50)}`, 'json_too_deep', 'depth alone'],
    [`{"keys":[],"x":"${'x'.repeat(MAX_BUNDLE_LENGTH)}"}`, 'json_too_large', 'a huge text'],
    [{}, 'bundle_invalid', 'no keys: a mistake would revoke everything'],
    [{ keys: null }, 'bundle_invalid', 'keys as null'],
    [{ keys: {} }, 'bundle_invalid', 'keys as an object'],
    [{ keys: [null] }, 'bundle_invalid', 'a key that is null'],
    [{ keys: ['key'] }, 'bundle_invalid', 'a key that is a string'],
    [{ keys: [[]] }, 'bundle_invalid', 'a key that is an array'],
    [{ keys: Array(MAX_BUNDLE_KEYS + 1).fill({}) }, 'bundle_too_many_keys', 'a key too many, though all are ignored'],
    [{ keys: [], spiffe_sequence: '7' }, 'bundle_invalid', 'a sequence as text'],
    [{ keys: [], spiffe_sequence: 1.5 }, 'bundle_invalid', 'a sequence that is no integer'],
    [{ keys: [], spiffe_sequence: -1 }, 'bundle_invalid', 'a negative sequence'],
    [{ keys: [], spiffe_sequence: null }, 'bundle_invalid', 'a sequence of null'],
    ['{"keys":[],"spiffe_sequence":18446744073709551616}', 'bundle_invalid', 'a sequence beyond 64 bits'],
    ['{"keys":[],"spiffe_sequence":1e300}', 'bundle_invalid', 'a sequence that is rounded'],
    [{ keys: [], spiffe_refresh_hint: -1 }, 'bundle_invalid', 'a negative hint'],
    [{ keys: [], spiffe_refresh_hint: 0.5 }, 'bundle_invalid', 'half a second'],
    ['{"keys":[],"spiffe_refresh_hint":9007199254740993}', 'bundle_invalid', 'a hint that cannot be counted'],
    [{ keys: [{ ...x509Key, x5c: undefined }] }, 'bundle_x5c_invalid', 'no certificate'],
    [{ keys: [{ ...x509Key, x5c: [] }] }, 'bundle_x5c_invalid', 'an empty chain'],
    [{ keys: [{ ...x509Key, x5c: [...x509Key.x5c, ...x509Key.x5c] }] }, 'bundle_x5c_invalid', 'two certificates'],
    [{ keys: [{ ...x509Key, x5c: x509Key.x5c[0] }] }, 'bundle_x5c_invalid', 'a certificate without its array'],
    [{ keys: [{ ...x509Key, x5c: [7] }] }, 'bundle_x5c_invalid', 'a certificate that is a number'],
    [{ keys: [{ ...x509Key, x5c: [x509Key.x5c[0]?.replace('M', '-')] }] }, 'base64_invalid', 'base64url in x5c'],
    [{ keys: [{ ...x509Key, x5c: ['MIIB'] }] }, 'der_truncated', 'a certificate that is cut'],
    [{ keys: [{ ...x509Key, ...jwk }] }, 'bundle_key_mismatch', 'a JWK of another key than its certificate has'],
    [{ keys: [{ ...x509Key, x: undefined }] }, 'jwk_invalid', 'an X.509 authority without its key'],
    [{ keys: [{ ...jwtKey, kid: undefined }] }, 'bundle_key_id_missing', 'no kid'],
    [{ keys: [{ ...jwtKey, kid: '' }] }, 'bundle_key_id_missing', 'an empty kid'],
    [{ keys: [{ ...witKey, kid: 7 }] }, 'bundle_key_id_missing', 'a kid that is a number'],
    [{ keys: [jwtKey, jwtKey] }, 'bundle_key_id_duplicate', 'a kid twice'],
    [{ keys: [jwtKey, { ...witKey, kid: 'j1' }] }, 'bundle_key_id_duplicate', 'a kid for both kinds of token'],
    [{ keys: [{ ...jwtKey, x: `${'x' in jwk ? jwk.x : ''}=` }] }, 'jwk_invalid', 'padding in a coordinate'],
    [{ keys: [{ ...jwtKey, d: 'AAAA' }] }, 'jwk_private', 'a private key'],
    [{ keys: [weak] }, 'key_too_small', 'RSA of 1024 bits'],
  ]
  for (const [document, code, why] of hostile) it(`refuses ${why}`, () => refuses(code, () => parse(document)))
})

describe('a bundle', () => {
  const token = fc.record({
    use: fc.constantFrom('jwtAuthorities' as const, 'witAuthorities' as const),
    kid: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    type: fc.constantFrom('RSA' as const, 'P-256' as const, 'P-384' as const, 'P-521' as const),
    pinned: fc.boolean(),
  })
  const made = fc
    .record({
      x509: fc.subarray([root, other]),
      tokens: fc.uniqueArray(token, { selector: ({ kid }) => kid, maxLength: 5 }),
      sequence: fc.option(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { nil: undefined }),
      refreshHint: fc.option(fc.nat(), { nil: undefined }),
    })
    .map(({ x509, tokens, sequence, refreshHint }) => {
      const kinds = { jwtAuthorities: new Map(), witAuthorities: new Map() }
      for (const { use, kid, type, pinned } of tokens) {
        const key = testKey(type)
        kinds[use].set(kid, tokenAuthority(key.spki, pinned ? key.signer().algorithm : undefined))
      }
      return Bundle.of({ trustDomain: td, x509Authorities: x509, ...kinds, sequence, refreshHint })
    })

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(made, bundle => {
        const text = bundle.toJson()
        assert.deepEqual(contents(Bundle.parse(td, text)), contents(bundle))
        assert.equal(Bundle.parse(td, text).toJson(), text)
      }),
    )
  })

  it('is written as the standard wants it', () => {
    const bundle = Bundle.of({
      trustDomain: td,
      x509Authorities: [root],
      jwtAuthorities: new Map([['j1', tokenAuthority(testKey('P-256').spki)]]),
      sequence: 18446744073709551615n,
      refreshHint: 60,
    })
    assert.match(bundle.toJson(), /"spiffe_sequence":18446744073709551615,"spiffe_refresh_hint":60\}$/)
    const { keys } = JSON.parse(bundle.toJson()) as { keys: Record<string, string[]>[] }
    assert.deepEqual(keys, [x509Key, { ...jwtKey, alg: 'ES256' }])
    assert.equal(new X509Certificate(Buffer.from(keys[0]!.x5c![0]!, 'base64')).subject, 'CN=root')
  })

  it('never writes null for no keys', () => assert.equal(Bundle.of({ trustDomain: td }).toJson(), '{"keys":[]}'))

  it('refuses what it could not publish', () => {
    const jwtAuthorities = new Map([['1', tokenAuthority(testKey('P-256').spki)]])
    refuses('bundle_key_id_duplicate', () =>
      Bundle.of({ trustDomain: td, jwtAuthorities, witAuthorities: jwtAuthorities }),
    )
    refuses('bundle_invalid', () => Bundle.of({ trustDomain: td, sequence: -1n }))
    refuses('bundle_invalid', () => Bundle.of({ trustDomain: td, sequence: 1n << 64n }))
    refuses('bundle_invalid', () => Bundle.of({ trustDomain: td, refreshHint: Number.NaN }))
    refuses('jwk_unsupported', () => tokenAuthority(testKey('Ed25519').spki))
    refuses('jwk_unsupported', () => tokenAuthority(testKey('P-384').spki, testKey('P-256').signer().algorithm))
  })

  it('does not change with what it was made of', () => {
    const x509Authorities = [root]
    const jwtAuthorities = new Map<string, TokenAuthority>()
    const bundle = Bundle.of({ trustDomain: td, x509Authorities, jwtAuthorities })
    x509Authorities.push(other)
    jwtAuthorities.set('late', tokenAuthority(testKey('P-256').spki))
    assert.equal(bundle.toJson(), Bundle.of({ trustDomain: td, x509Authorities: [root] }).toJson())
    assert.throws(() => Object.assign(bundle, { trustDomain: TrustDomain.parse('evil.example') }), TypeError)
    assert.throws(() => (bundle.x509Authorities as unknown[]).push(other), TypeError)
  })

  it('is found under its own trust domain only', () => {
    const bundle = Bundle.of({ trustDomain: td })
    assert.equal(bundleFor(bundleSource(bundle), td), bundle)
    refuses('bundle_unknown', () => bundleFor(bundleSource(bundle), TrustDomain.parse('example.com')))
    refuses('bundle_unknown', () => bundleFor(() => bundle, TrustDomain.parse('example.com')))
  })
})
