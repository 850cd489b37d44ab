import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { EXTENDED_KEY_USAGES } from '../oids.ts'
import { refuses } from '../refusals.suite.ts'
import type { Certificate } from '../x509/certificate.ts'
import { Bundle, bundleSource } from './bundle.ts'
import { TrustDomain } from './id.ts'
import { AUTHORITY, LEAF, NOW, type Shape, testRoot } from './svids.suite.ts'
import { checkSigningCertificate, checkSvidLeaf, verifyX509Svid, type X509SvidRequest } from './x509-svid.ts'

const ID = 'spiffe://example.org/tenant/acme/agent/a'
const root = testRoot('root')
const { serverAuth, clientAuth, any } = EXTENDED_KEY_USAGES

const LEAVES: readonly [shape: Shape, code: ProtocolCode | null, why: string][] = [
  [{}, null, 'the plain leaf'],
  [{ ca: null }, null, 'no basic constraints'],
  [{ extendedKeyUsage: null }, null, 'no extended key usage'],
  [{ extendedKeyUsage: [any, serverAuth, clientAuth] }, null, 'more extended key usages'],
  [{ keyUsage: ['digitalSignature', 'keyEncipherment', 'keyAgreement'] }, null, 'usages that a leaf may have'],
  [{ subject: 'a', sanCritical: false }, null, 'a subject'],
  [{ subject: 'a', sanCritical: true }, null, 'a subject and a critical name, which is only discouraged'],
  [{ dns: ['a.example.org', 'b.example.org'] }, null, 'names of other forms'],
  [{ ca: true }, 'svid_is_authority', 'cA'],
  [{ keyUsage: ['digitalSignature', 'keyCertSign'] }, 'svid_is_authority', 'keyCertSign'],
  [{ keyUsage: ['digitalSignature', 'cRLSign'] }, 'svid_is_authority', 'cRLSign'],
  [{ keyUsage: null }, 'svid_key_usage_invalid', 'no key usage'],
  [{ keyUsage: ['keyEncipherment'] }, 'svid_key_usage_invalid', 'no digitalSignature'],
  [{ keyUsageCritical: false }, 'svid_key_usage_invalid', 'a key usage that is not critical'],
  [{ extendedKeyUsage: [serverAuth] }, 'svid_extended_key_usage_incomplete', 'serverAuth alone'],
  [{ extendedKeyUsage: [clientAuth] }, 'svid_extended_key_usage_incomplete', 'clientAuth alone'],
  [{ extendedKeyUsage: [any] }, 'svid_extended_key_usage_incomplete', 'any usage, which is not both by name'],
  [{ uris: [], subject: 'a' }, 'svid_uri_missing', 'no name at all'],
  [{ uris: [], dns: ['a.example.org'] }, 'svid_uri_missing', 'no URI'],
  [{ uris: [ID, ID] }, 'svid_uri_multiple', 'the same ID twice'],
  [{ uris: [ID, 'spiffe://example.org/b'] }, 'svid_uri_multiple', 'two IDs'],
  [{ uris: [ID, 'https://example.org/'] }, 'svid_uri_multiple', 'an ID and another URI'],
  [{ uris: ['https://example.org/a'] }, 'spiffe_id_scheme', 'a URI that is no SPIFFE ID'],
  [{ uris: ['SPIFFE://example.org/a'] }, 'spiffe_id_scheme', 'a scheme in another case'],
  [{ uris: ['spiffe://Example.org/a'] }, 'trust_domain_character', 'a trust domain in another case'],
  [{ uris: ['spiffe:///a'] }, 'trust_domain_missing', 'no trust domain'],
  [{ uris: ['spiffe://example.org/a/../b'] }, 'spiffe_path_dot_segment', 'dot segments'],
  [{ uris: ['spiffe://example.org'] }, 'svid_path_missing', 'the ID of the trust domain'],
  [{ sanCritical: false }, 'svid_san_not_critical', 'neither a subject nor a critical name'],
]

describe('checkSvidLeaf', () => {
  for (const [shape, code, why] of LEAVES)
    it(`${code === null ? 'takes' : 'refuses'} ${why}`, () => {
      const leaf = root.issue({ ...LEAF, ...shape })
      if (code === null) assert.equal(checkSvidLeaf(leaf).toString(), ID)
      else refuses(code, () => checkSvidLeaf(leaf))
    })
})

const AUTHORITIES: readonly [shape: Shape, code: ProtocolCode | null, why: string][] = [
  [{}, null, 'the plain authority'],
  [{ uris: [] }, null, 'an authority without an ID'],
  [{ uris: ['https://ca.example.org/', 'https://ca.example.com/'] }, null, 'an authority with URIs of its own'],
  [{ uris: [], keyUsageCritical: false }, null, 'an authority that is no SVID, by its own rules'],
  [{ uris: ['spiffe://example.com'] }, null, 'an authority of another trust domain, which the standard allows'],
  [{ ca: false }, 'svid_authority_not_ca', 'cA false'],
  [{ ca: null }, 'svid_authority_not_ca', 'no basic constraints'],
  [{ keyUsage: null }, 'svid_key_usage_invalid', 'no key usage'],
  [{ keyUsage: ['cRLSign'] }, 'svid_key_usage_invalid', 'no keyCertSign'],
  [{ keyUsageCritical: false }, 'svid_key_usage_invalid', 'an SVID whose key usage is not critical'],
  [{ uris: ['spiffe://example.org', 'spiffe://example.com'] }, 'svid_uri_multiple', 'two IDs'],
  [{ uris: ['https://example.org', 'spiffe://example.org'] }, 'svid_uri_multiple', 'an ID behind another URI'],
  [{ uris: ['spiffe://example.org/workload'] }, 'svid_authority_path', 'the ID of a workload'],
  [{ uris: ['Spiffe://example.org/workload'] }, 'spiffe_id_scheme', 'an ID in another case'],
]

describe('checkSigningCertificate', () => {
  for (const [shape, code, why] of AUTHORITIES)
    it(`${code === null ? 'takes' : 'refuses'} ${why}`, () => {
      const { certificate } = root.delegate('below', { ...AUTHORITY, ...shape })
      if (code === null) assert.doesNotThrow(() => checkSigningCertificate(certificate))
      else refuses(code, () => checkSigningCertificate(certificate))
    })

  it('gives back the ID, or null for an authority without one', () => {
    assert.equal(`${checkSigningCertificate(root.certificate)}`, 'spiffe://example.org')
    assert.equal(checkSigningCertificate(testRoot('plain', { ...AUTHORITY, uris: [] }).certificate), null)
  })
})

const td = TrustDomain.parse('example.org')
const abroad = TrustDomain.parse('example.com')
const foreignRoot = testRoot('foreign', { ...AUTHORITY, uris: ['spiffe://example.com'] })
const bundles = bundleSource(
  Bundle.of({ trustDomain: td, x509Authorities: [root.certificate] }),
  Bundle.of({ trustDomain: abroad, x509Authorities: [foreignRoot.certificate] }),
)
const verify = (chain: Certificate[], more: Partial<X509SvidRequest> = {}) =>
  verifyX509Svid({ chain, bundles, at: NOW, ...more }, nodeCrypto)

describe('verifyX509Svid', () => {
  it('proves the ID of a leaf under the root', () => {
    const { id, path } = verify([root.issue(LEAF)])
    assert.equal(id.toString(), ID)
    assert.deepEqual(path.at(-1), root.certificate)
  })

  it('proves it through an intermediate', () => {
    const issuing = root.delegate('issuing')
    const leaf = issuing.issue(LEAF)
    const { path } = verify([leaf, issuing.certificate])
    assert.deepEqual(path, [leaf, issuing.certificate, root.certificate])
  })

  it('refuses an empty chain', () => refuses('svid_chain_empty', () => verify([])))

  it('looks at the bundle of the trust domain in the leaf, and at no other', () => {
    const asked: string[] = []
    const foreign = foreignRoot.issue({ ...LEAF, uris: ['spiffe://example.com/a'] })
    const source = (name: TrustDomain) => {
      asked.push(name.name)
      return bundles(name)
    }
    assert.equal(`${verify([foreign], { bundles: source }).id}`, 'spiffe://example.com/a')
    assert.deepEqual(asked, ['example.com'])
  })

  it('lets no trust domain speak for another', () => {
    refuses('chain_untrusted', () => verify([foreignRoot.issue(LEAF)]))
    refuses('chain_untrusted', () => verify([root.issue({ ...LEAF, uris: ['spiffe://example.com/a'] })]))
    // Also not when the peer sends the foreign root along as if it were an intermediate.
    refuses('chain_untrusted', () => verify([foreignRoot.issue(LEAF), foreignRoot.certificate]))
  })

  it('refuses a trust domain without a bundle, and a source that answers with another one', () => {
    const stranger = root.issue({ ...LEAF, uris: ['spiffe://stranger.example/a'] })
    refuses('bundle_unknown', () => verify([stranger]))
    const wrong = Bundle.of({ trustDomain: abroad, x509Authorities: [root.certificate] })
    refuses('bundle_unknown', () => verify([root.issue(LEAF)], { bundles: () => wrong }))
  })

  it('refuses everything under an empty bundle', () => {
    const empty = Bundle.of({ trustDomain: td })
    refuses('chain_untrusted', () => verify([root.issue(LEAF)], { bundles: () => empty }))
  })

  it('refuses a leaf that breaks a rule before it looks for keys', () => {
    const never = () => assert.fail('a bundle was asked for')
    for (const [shape, code] of LEAVES)
      if (code !== null) refuses(code, () => verify([root.issue({ ...LEAF, ...shape })], { bundles: never }))
  })

  it('refuses to authenticate authorities, the root too', () => {
    refuses('svid_is_authority', () => verify([root.certificate]))
    refuses('svid_is_authority', () => verify([root.delegate('issuing').certificate]))
  })

  it('refuses an intermediate that is the SVID of a workload', () => {
    const workload = root.delegate('workload', { ...AUTHORITY, uris: [ID] })
    refuses('svid_authority_path', () => verify([workload.issue(LEAF), workload.certificate]))
  })

  it('refuses an intermediate that may not sign', () => {
    for (const shape of [{ ca: false }, { keyUsage: ['cRLSign'] }, { keyUsage: ['digitalSignature'] }] as Shape[]) {
      const below = root.delegate('below', { ...AUTHORITY, ...shape })
      assert.throws(() => verify([below.issue(LEAF), below.certificate]), { name: 'ProtocolError' })
    }
  })

  it('refuses a leaf in the bundle as a proof of itself', () => {
    const leaf = root.issue(LEAF)
    const bundle = Bundle.of({ trustDomain: td, x509Authorities: [leaf] })
    refuses('svid_authority_not_ca', () => verify([leaf], { bundles: () => bundle }))
  })

  it('judges the time, and grants the grace that it is told to', () => {
    const leaf = root.issue(LEAF)
    refuses('certificate_expired', () => verify([leaf], { at: NOW + 300 }))
    refuses('certificate_not_yet_valid', () => verify([leaf], { at: NOW - 11 }))
    assert.ok(verify([leaf], { at: NOW + 299 }))
    const lasting = testRoot('lasting', { ...AUTHORITY, notAfter: NOW + 10_000 })
    const late = Bundle.of({ trustDomain: td, x509Authorities: [lasting.certificate] })
    const request = { bundles: () => late, at: NOW + 1000, notAfterGrace: 3600 }
    assert.ok(verify([lasting.issue(LEAF)], request))
    refuses('certificate_expired', () => verify([lasting.issue(LEAF)], { ...request, notAfterGrace: 700 }))
  })
})
