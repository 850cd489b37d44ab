import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toHex } from '../bytes.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { TestIdentity } from '../node/test-ca.ts'
import { codeOf, refuses } from '../refusals.suite.ts'
import type { Certificate } from '../x509/certificate.ts'
import { extendedKeyUsage } from '../x509/extension-encoders.ts'
import { Deaths } from './deaths.ts'
import {
  ALICE,
  AT,
  agents,
  dead,
  delta,
  feedKey,
  forge,
  root,
  signing,
  snapshot,
  trustDomain,
  x5cOf,
} from './feed.suite.ts'
import { FeedVerifier } from './feed-verifier.ts'
import { encodeFeedLine, signFeedLine } from './line.ts'

const one = feedKey('one')
const line = snapshot(7, { deaths: [dead('agent', ALICE)] })
const payload = JSON.parse(Buffer.from(encodeFeedLine(line)).toString())
const known = (...roots: readonly Certificate[]) =>
  new FeedVerifier({ trustDomain, roots: () => (roots.length > 0 ? roots : [root.certificate]), crypto: nodeCrypto })
const later = (key = one) => signFeedLine(delta(7, 7), { ...signing(key), x5c: undefined })

describe('FeedVerifier', () => {
  it('believes a line with the certificate of its key, and later ones without', async () => {
    const verifier = known()
    assert.deepEqual(verifier.verify(await signFeedLine(line, signing(one)), AT), line)
    assert.deepEqual(verifier.verify(await later(), AT), delta(7, 7))
  })

  it('believes no key of an instance that was put out of service, nor one that it knew before', async () => {
    const deaths = new Deaths(nodeCrypto)
    const isEvicted = (keyId: string) => deaths.isEvicted(keyId)
    const verifier = new FeedVerifier({ trustDomain, roots: () => [root.certificate], crypto: nodeCrypto, isEvicted })
    const introduced = await signFeedLine(line, signing(one))
    assert.deepEqual(verifier.verify(introduced, AT), line)
    const keyId = toHex(one.certificate.subjectKeyId!)
    deaths.apply(delta(8, 7, { deaths: [dead('issuer', keyId)] }))
    const named = await later()
    refuses('feed_line_invalid', () => verifier.verify(named, AT))
    refuses('feed_line_invalid', () => verifier.verify(introduced, AT))
    const two = feedKey('two')
    const other = snapshot(8, { instance: 'two' })
    assert.deepEqual(verifier.verify(await signFeedLine(other, signing(two)), AT), other)
  })

  it('refuses a key that nothing introduced', async () => {
    const token = await later()
    refuses('jws_key_unknown', () => known().verify(token, AT))
  })

  it('remembers no key of a line whose signature does not hold', async () => {
    const verifier = known()
    const header = { alg: 'ES256', kid: 'k1', typ: 'lanyard-feed+jwt', x5c: x5cOf(one) }
    refuses('jws_signature_invalid', () => verifier.verify(forge(header, payload, feedKey('one').key), AT))
    const token = await later()
    refuses('jws_key_unknown', () => verifier.verify(token, AT))
  })

  it('lets a key speak for its own instance alone, also after it was introduced', async () => {
    const verifier = known()
    const two = feedKey('two')
    const foreign = await signFeedLine(line, signing(two))
    refuses('feed_line_invalid', () => verifier.verify(foreign, AT))
    verifier.verify(await signFeedLine(snapshot(7, { instance: 'two' }), signing(two)), AT)
    const unnamed = await later(two)
    refuses('feed_line_invalid', () => verifier.verify(unnamed, AT))
  })

  it('ends a key with its certificate, and with the trust in its root', async () => {
    let roots = [root.certificate]
    const verifier = new FeedVerifier({ trustDomain, roots: () => roots, crypto: nodeCrypto })
    const token = await later()
    verifier.verify(await signFeedLine(line, signing(one)), AT)
    const { notBefore, notAfter } = one.certificate
    for (const at of [notBefore - 1, notAfter + 1])
      refuses('certificate_expired', () => verifier.verify(token, at * 1000))
    for (const at of [notBefore, notAfter]) assert.ok(verifier.verify(token, at * 1000))
    refuses('certificate_expired', () => verifier.verify(token, Number.NaN))
    roots = [TestIdentity.root().certificate]
    refuses('chain_untrusted', () => verifier.verify(token, AT))
  })

  const impostors: readonly [string, TestIdentity, ProtocolCode][] = [
    [
      'of an agent',
      agents.leaf({ subject: '', names: { uri: ['spiffe://example.org/lanyard/feed/one'] } }),
      'chain_untrusted',
    ],
    ['for TLS', feedKey('one', { extensions: {} }), 'extended_key_usage_forbidden'],
    [
      'for receipts',
      feedKey('one', { extensions: { extendedKeyUsage: extendedKeyUsage(['lanyardReceipt']) } }),
      'extended_key_usage_forbidden',
    ],
    [
      'for everything',
      feedKey('one', { extensions: { extendedKeyUsage: extendedKeyUsage(['lanyardFeed', 'any']) } }),
      'extended_key_usage_forbidden',
    ],
    ['without a purpose', feedKey('one', { extensions: { extendedKeyUsage: null } }), 'extended_key_usage_forbidden'],
    [
      'of another trust domain',
      feedKey('one', { names: { uri: ['spiffe://example.com/lanyard/feed/one'] } }),
      'spiffe_id_mismatch',
    ],
    [
      'of another service',
      feedKey('one', { names: { uri: ['spiffe://example.org/lanyard/events/one'] } }),
      'spiffe_id_mismatch',
    ],
    [
      'of an agent by its name',
      feedKey('one', { names: { uri: ['spiffe://example.org/acme/feed/one'] } }),
      'spiffe_id_mismatch',
    ],
    ['of nobody', feedKey('one', { names: { dns: ['one'] } }), 'svid_uri_missing'],
    [
      'of two',
      feedKey('one', {
        names: { uri: ['spiffe://example.org/lanyard/feed/one', 'spiffe://example.org/lanyard/feed/two'] },
      }),
      'svid_uri_multiple',
    ],
    ['that has ended', feedKey('one', { notAfter: AT / 1000 - 1 }), 'certificate_expired'],
    [
      'under a root that nobody trusts',
      TestIdentity.root().leaf({
        names: { uri: ['spiffe://example.org/lanyard/feed/one'] },
        extensions: { extendedKeyUsage: extendedKeyUsage(['lanyardFeed']) },
      }),
      'chain_untrusted',
    ],
  ]
  for (const [why, identity, code] of impostors)
    it(`refuses a key ${why}`, async () => {
      const token = await signFeedLine(line, signing(identity))
      refuses(code, () => known().verify(token, AT))
    })

  it('takes the algorithm from the key, and the kind of token from its typ', () => {
    const header = { alg: 'ES256', kid: 'k1', typ: 'lanyard-feed+jwt', x5c: x5cOf(one) }
    const attempts: readonly [object, ProtocolCode][] = [
      [{ alg: 'none' }, 'jws_algorithm_mismatch'],
      [{ alg: 'HS256' }, 'jws_algorithm_mismatch'],
      [{ alg: 'ES384' }, 'jws_algorithm_mismatch'],
      [{ typ: 'lanyard-receipt+jwt' }, 'jws_type_mismatch'],
      [{ typ: undefined }, 'jws_type_mismatch'],
      [{ kid: '' }, 'jws_header_invalid'],
      [{ x5c: [] }, 'jws_header_invalid'],
      [{ x5c: 'AAAA' }, 'jws_header_invalid'],
      [{ x5c: [7] }, 'jws_header_invalid'],
      [{ x5c: x5cOf(one, one, one, one, one) }, 'jws_header_invalid'],
      [
        { x5c: x5cOf(one).map(text => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')) },
        'jws_header_invalid',
      ],
      [{ x5c: ['A'.repeat(40_000)] }, 'json_too_large'],
      [{ jwk: {} }, 'jws_header_forbidden'],
      [{ x5u: 'https://example.org' }, 'jws_header_forbidden'],
    ]
    for (const [change, code] of attempts)
      assert.equal(
        codeOf(() => known().verify(forge({ ...header, ...change }, payload, one.key), AT)),
        code,
      )
  })

  it('signs nothing that no reader would take', async () => {
    await assert.rejects(signFeedLine(delta(7, 7, { deaths: line.deaths }), signing(one)), {
      code: 'feed_line_invalid',
    })
  })

  it('forgets the oldest key when too many were introduced', async () => {
    const verifier = known()
    verifier.verify(await signFeedLine(line, signing(one)), AT)
    for (let i = 0; i < 64; i++) verifier.verify(await signFeedLine(line, signing(one, `other-${i}`)), AT)
    const token = await later()
    refuses('jws_key_unknown', () => verifier.verify(token, AT))
  })
})
