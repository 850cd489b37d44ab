import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TAG } from '../der/tags.ts'
import { oid, sequence, setOf, string } from '../der/writer.ts'
import { generateKeyNow } from '../node/generate.ts'
import { TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import { Certificate } from './certificate.ts'
import { chainCases, correct, judge, type TestChain } from './chain.suite.ts'
import { basicConstraints, extendedKeyUsage, subjectKeyId } from './extension-encoders.ts'
import { encodeName } from './name.ts'

const { root } = correct
const renewed = (ca: TestIdentity, options: TestCertificate = {}) =>
  ca.certify(ca, { key: generateKeyNow('P-256'), ...options })

/** root → one CA for each of the options, each below the one before → leaf */
function ladder(rungs: readonly TestCertificate[], request: Partial<TestChain> = {}): TestChain {
  const cas: TestIdentity[] = []
  for (const options of rungs) cas.push((cas.at(-1) ?? root).ca(options))
  return { leaf: (cas.at(-1) ?? root).leaf(), through: cas.toReversed(), roots: [root], ...request }
}

describe('chains: path lengths and depth', () => {
  const many = (count: number): TestCertificate[] => new Array(count).fill({})
  const below = (pathLen: number, count: number) => () => ladder([{ pathLen }, ...many(count)])
  chainCases([
    ['pathLen 0 above a leaf', below(0, 0), 'valid'],
    ['pathLen 0 above a CA', below(0, 1), 'path_length_exceeded'],
    ['pathLen 1 above a CA', below(1, 1), 'valid'],
    ['pathLen 1 above two', below(1, 2), 'path_length_exceeded'],
    ['a larger pathLen below', () => ladder([{ pathLen: 1 }, { pathLen: 2 }]), 'valid'],
    [
      'a smaller pathLen that is passed below',
      () => ladder([{ pathLen: 2 }, { pathLen: 0 }, {}]),
      'path_length_exceeded',
    ],
    ['pathLen 0 of the root', () => underRoot({ pathLen: 0 }, 1), 'path_length_exceeded'],
    ['pathLen 1 of the root', () => underRoot({ pathLen: 1 }, 1), 'valid'],
    ['pathLen 0 above a CA as leaf', () => caAsLeaf(), 'valid'],
    ['a self-issued CA, which does not count', () => selfIssued(1, { pathLen: 1 }), 'valid'],
    ['a CA that does count', () => selfIssued(1, { pathLen: 0 }), 'path_length_exceeded'],

    ['eight intermediates', () => ladder(many(8)), 'valid'],
    ['nine', () => ladder(many(9)), 'chain_too_deep'],
    ['nine where nine are allowed', () => ladder(many(9), { maxDepth: 9 }), 'valid'],
    ['none where none is allowed', () => ladder([], { maxDepth: 0 }), 'valid'],
    ['one where none is allowed', () => ladder(many(1), { maxDepth: 0 }), 'chain_too_deep'],
    ['a self-issued one, which does not count', () => ({ ...selfIssued(1), maxDepth: 2 }), 'valid'],
    ['four self-issued ones', () => ({ ...selfIssued(4), maxDepth: 2 }), 'valid'],
    ['five, which count together', () => ({ ...selfIssued(5), maxDepth: 255 }), 'chain_too_deep'],
  ])
})

function underRoot(options: TestCertificate, count: number): TestChain {
  const anchor = TestIdentity.root(options)
  const cas: TestIdentity[] = []
  for (let i = 0; i < count; i++) cas.push((cas.at(-1) ?? anchor).ca())
  return { leaf: cas.at(-1)!.leaf(), through: cas, roots: [anchor] }
}

function caAsLeaf(): TestChain {
  const ca = root.ca({ pathLen: 0 })
  return { leaf: ca.ca({ pathLen: 0 }), through: [ca], roots: [root] }
}

/** root → CA → the same CA with new keys, `count` times → CA → leaf */
function selfIssued(count: number, options: TestCertificate = {}): TestChain {
  const cas = [root.ca(options)]
  for (let i = 0; i < count; i++) cas.push(renewed(cas.at(-1)!, options))
  cas.push(cas.at(-1)!.ca({ pathLen: 0 }))
  return { leaf: cas.at(-1)!.leaf(), through: cas, roots: [root] }
}

describe('chains: names of issuers', () => {
  const cn = (text: string, tag: number) => sequence(setOf(sequence(oid(NAME_ATTRIBUTES.CN), string(tag, text))))
  const named = (issuer: Uint8Array) => () => {
    const ca = root.ca({ subject: cn('Acme CA', TAG.utf8String) })
    return { leaf: ca.leaf({ issuer }), through: [ca], roots: [root] }
  }
  chainCases([
    ['another string type', named(cn('Acme CA', TAG.printableString)), 'valid'],
    ['another case and more blanks', named(cn('ACME  ca', TAG.printableString)), 'valid'],
    ['another name, with the right key', named(cn('Acme CB', TAG.utf8String)), 'chain_untrusted'],
    ['another attribute', named(encodeName([['O', 'Acme CA']])), 'chain_untrusted'],
  ])
})

describe('chains: more than one way', () => {
  chainCases([
    [
      'an untrusted root',
      () => ({ ...ladder([{}]), roots: [TestIdentity.root({ subject: 'Other' })] }),
      'chain_untrusted',
    ],
    ['no roots', () => ({ ...ladder([{}]), roots: [] }), 'chain_untrusted'],
    ['a missing intermediate', () => ({ ...ladder([{}, {}]), through: [] }), 'chain_untrusted'],
    ['another root of the same name', () => ({ ...ladder([{}]), roots: [TestIdentity.root()] }), 'chain_untrusted'],
    ['the root among the intermediates too', () => withRootAlong(), 'valid'],
    ['an old cross-certificate that has ended', () => chainOfPain(), 'valid'],
    ['two CAs that certify each other and nobody else', () => cycle(255), 'chain_untrusted'],
    ['a CA that certifies itself twice', () => selfCycle(), 'chain_untrusted'],
    ['a root within a net of cross-certificates', () => net(), 'valid'],
    ['decoys of the same name', () => decoys(30), 'valid'],
  ])

  it('ends the search whatever a hundred CAs in a row have in common', () => {
    const key = generateKeyNow('P-256')
    const kinds: readonly [common: TestCertificate, verdict: string][] = [
      [{}, 'chain_too_deep'],
      [{ key }, 'chain_too_deep'],
      [{ subject: 'CA' }, 'chain_work_exceeded'],
      // One CA with a hundred certificates: the one that the root signed is all it takes.
      [{ subject: 'CA', key }, 'valid'],
    ]
    for (const [common, verdict] of kinds)
      assert.equal(judge(() => ladder(new Array(100).fill(common))).verdict, verdict)
  })

  it('ends the search when every CA certifies every other', () => {
    const cas = Array.from({ length: 9 }, (_, index) => TestIdentity.root({ subject: `CA ${index}` }))
    const through = cas.flatMap(issuer => cas.filter(ca => ca !== issuer).map(ca => issuer.certify(ca)))
    assert.equal(judge(() => ({ leaf: cas[0]!.leaf(), through, roots: [root] })).verdict, 'chain_work_exceeded')
  })

  it('ends the search when long constraints are read again and again, though no name meets them', () => {
    const cas = Array.from({ length: 9 }, (_, index) => TestIdentity.root({ subject: `CA ${index}` }))
    const permitted = { email: Array.from({ length: 2_000 }, (_, index) => `host${index}.test`) }
    const through = cas.flatMap(issuer => cas.filter(ca => ca !== issuer).map(ca => issuer.certify(ca, { permitted })))
    assert.equal(judge(() => ({ leaf: cas[0]!.leaf(), through, roots: [root] })).verdict, 'chain_work_exceeded')
  })

  it('does not even begin with thousands of certificates of one name', () => {
    const { certificate, key } = root.ca({ subject: 'CA' })
    const through = Array.from({ length: 2_000 }, (_, index) => {
      const der = certificate.der.slice()
      der[der.length - 1 - (index & 7)]! ^= index >> 3
      return new TestIdentity(Certificate.fromDer(der), key)
    })
    assert.equal(judge(() => ({ leaf: root.leaf(), through, roots: [root] })).verdict, 'chain_work_exceeded')
  })

  it('ends the search among many keys that all claim to be the one', () => {
    const { ca, claimants } = impostors(150)
    assert.equal(judge(() => ({ leaf: ca.leaf(), through: claimants, roots: [root] })).verdict, 'chain_work_exceeded')
  })
})

function withRootAlong(): TestChain {
  const chain = ladder([{}])
  return { ...chain, through: [root, ...chain.through!, root] }
}

/** Two roots, and an ended certificate of the one under the other, as when AddTrust ended in 2020. */
function chainOfPain(): TestChain {
  const old = TestIdentity.root({ subject: 'Old Root' })
  return { leaf: root.leaf(), through: [old.certify(root, { notAfter: TEST_TIME - 1 })], roots: [old, root] }
}

function cycle(maxDepth: number): TestChain {
  const a = TestIdentity.root({ subject: 'A' })
  const b = TestIdentity.root({ subject: 'B' })
  return { leaf: a.leaf(), through: [b.certify(a), a.certify(b)], roots: [root], maxDepth }
}

function selfCycle(): TestChain {
  const old = TestIdentity.root({ subject: 'A' })
  const next = TestIdentity.root({ subject: 'A' })
  return { leaf: old.leaf(), through: [next.certify(old), old.certify(next)], roots: [root] }
}

/** Three CAs that certify each other, one of them a root, and a leaf below it (CVE-2024-0567). */
function net(): TestChain {
  const cas = ['A', 'B', 'C'].map(subject => TestIdentity.root({ subject }))
  const issuing = cas.map(ca => ca.ca())
  const crossed = cas.flatMap(issuer => cas.filter(ca => ca !== issuer).map(ca => issuer.certify(ca)))
  return { leaf: issuing[0]!.leaf(), through: [...crossed, ...issuing], roots: [cas[0]!] }
}

/** Other keys under the name and the key identifier of a CA. */
function impostors(count: number): { ca: TestIdentity; claimants: TestIdentity[] } {
  const ca = root.ca({ subject: 'Victim' })
  const extensions = { subjectKeyId: subjectKeyId(ca.certificate.subjectKeyId!) }
  return { ca, claimants: Array.from({ length: count }, () => root.ca({ subject: 'Victim', extensions })) }
}

function decoys(count: number): TestChain {
  const { ca, claimants } = impostors(count)
  return { leaf: ca.leaf(), through: [...claimants, ca], roots: [root] }
}

describe('chains: any graph of cross-certificates', () => {
  // What is wrong with a certificate, so that no path may lead over it (after BetterTLS).
  const FLAWS: readonly TestCertificate[] = [
    { notAfter: TEST_TIME - 1 },
    { permitted: { dns: ['other.test'] } },
    { extensions: { extendedKeyUsage: extendedKeyUsage(['1.3.6.1.5.5.7.3.4']) } },
    { extensions: { basicConstraints: null, keyUsage: null } },
    { extensions: { basicConstraints: basicConstraints({ ca: false }), keyUsage: null } },
  ]
  const cas = Array.from({ length: 6 }, (_, index) => TestIdentity.root({ subject: `Node ${index}` }))
  const node = fc.nat({ max: cas.length - 1 })
  const edge = fc.record({ ca: node, issuer: node, flaw: fc.option(fc.nat({ max: FLAWS.length - 1 }), { freq: 3 }) })

  it('finds a path exactly where there is one', () => {
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 16 }), node, (edges, trusted) => {
        const through = edges.map(({ ca, issuer, flaw }) =>
          cas[issuer]!.certify(cas[ca]!, flaw === null ? {} : FLAWS[flaw]!),
        )
        const good = edges.filter(({ flaw }) => flaw === null)
        const verdict = judge(() => ({ leaf: cas[0]!.leaf(), through, roots: [cas[trusted]!] })).verdict
        assert.equal(verdict === 'valid', reachable(0, trusted, good), verdict)
      }),
      { numRuns: 150 },
    )
  })

  function reachable(
    from: number,
    to: number,
    edges: readonly { ca: number; issuer: number }[],
    seen = [from],
  ): boolean {
    const next = edges.filter(({ ca, issuer }) => ca === from && !seen.includes(issuer))
    return from === to || next.some(({ issuer }) => reachable(issuer, to, edges, [...seen, issuer]))
  }
})
