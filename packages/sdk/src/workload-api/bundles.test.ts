import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { concat, decodePem, TrustDomain } from '@lanyard/protocol'
import { TestCa } from '../testing/ca.ts'
import { BundleSet, certificatesInARow, jwtBundle, trustDomainOf, witBundle, x509Bundle } from './bundles.ts'

const td = TrustDomain.parse('example.org')
const root = decodePem(new TestCa().bundle, { labels: ['CERTIFICATE'] })[0]!.der
const other = decodePem(new TestCa('other.example').bundle, { labels: ['CERTIFICATE'] })[0]!.der
const jwk = (kid: string) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})

describe('certificatesInARow', () => {
  it('cuts what stands one behind the other', () => {
    assert.deepEqual(certificatesInARow(new Uint8Array()), [])
    const found = certificatesInARow(concat(root, other, root))
    assert.deepEqual(
      found.map(({ der }) => der),
      [root, other, root],
    )
  })

  const hostile: readonly [why: string, der: Uint8Array][] = [
    ['a certificate that is cut off', root.subarray(0, root.length - 1)],
    ['a byte behind it', concat(root, Uint8Array.of(0))],
    ['a byte before it', concat(Uint8Array.of(0), root)],
    ['a length without bytes', Uint8Array.of(0x30, 0x82)],
    ['a length of any size', Uint8Array.of(0x30, 0x80, 0, 0)],
    ['a length of 127 bytes', Uint8Array.of(0x30, 0xff, 1, 2, 3)],
    ['an empty sequence', Uint8Array.of(0x30, 0)],
    ['a single byte', Uint8Array.of(0x30)],
  ]
  for (const [why, der] of hostile)
    it(`refuses ${why}`, () => assert.throws(() => certificatesInARow(der), { name: 'ProtocolError' }))
})

describe('jwtBundle', () => {
  it('takes keys without use for what they must be, and those of another use for others', () => {
    const keys = [
      jwk('a'),
      { ...jwk('b'), use: 'jwt-svid' },
      { ...jwk('c'), use: 'x509-svid' },
      { ...jwk('d'), use: 7 },
    ]
    const bundle = jwtBundle(td, JSON.stringify({ keys, spiffe_sequence: 7 }))
    assert.deepEqual([...bundle.jwtAuthorities.keys()], ['a', 'b'])
    assert.equal(bundle.x509Authorities.length, 0)
    assert.deepEqual([...witBundle(td, JSON.stringify({ keys: [jwk('w')] })).witAuthorities.keys()], ['w'])
  })

  it('refuses what is no bundle', () => {
    for (const json of ['', '[]', '{}', '{"keys":null}', '{"keys":7}', '{"keys":[7]}', '{"keys":[],"keys":[]}'])
      assert.throws(() => jwtBundle(td, json), { name: 'ProtocolError' }, json)
    const twice = JSON.stringify({ keys: [jwk('a'), jwk('a')] })
    assert.throws(() => jwtBundle(td, twice), { code: 'bundle_key_id_duplicate' })
    const { kid, ...nameless } = jwk('a')
    assert.throws(() => jwtBundle(td, JSON.stringify({ keys: [nameless] })), { code: 'bundle_key_id_missing' }, kid)
  })
})

describe('BundleSet', () => {
  it('has each bundle under its own trust domain alone', () => {
    const set = new BundleSet([x509Bundle(td, root)])
    assert.equal(set.get('example.org')?.x509Authorities.length, 1)
    assert.equal(set.get(td), set.get('example.org'))
    assert.equal(set.source(td), set.get(td))
    assert.equal(set.get('sub.example.org'), undefined)
    assert.equal(set.size, 1)
  })
})

describe('trustDomainOf', () => {
  it('takes the names that maps have', () => {
    assert.equal(trustDomainOf('spiffe://example.org').name, 'example.org')
    assert.equal(trustDomainOf('example.org').name, 'example.org')
    for (const name of ['spiffe://', 'spiffe://example.org/path', 'spiffe://spiffe://a', 'SPIFFE://a', ''])
      assert.throws(() => trustDomainOf(name), { name: 'ProtocolError' }, name)
  })
})
