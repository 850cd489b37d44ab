import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextConstructed, contextPrimitive } from '../der/tags.ts'
import { element, ia5String, nullValue, oid, sequence, setOf } from '../der/writer.ts'
import { generateKeyNow } from '../node/generate.ts'
import { rawExtension, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { EMAIL_ADDRESS, EXTENSIONS, type NAME_ATTRIBUTES } from '../oids.ts'
import { chainCases, correct, judge, type TestChain, withLeaf } from './chain.suite.ts'
import { subjectAltName } from './extension-encoders.ts'
import type { GeneralNamesInput } from './general-names.ts'
import { parseIpAddress } from './ip-address.ts'
import { encodeName } from './name.ts'

const { root } = correct
const ip = (text: string) => parseIpAddress(text)!
const subnet = (address: string, mask: string) => Uint8Array.of(...ip(address), ...ip(mask))

describe('chains: the name that was asked for', () => {
  const named = (names: GeneralNamesInput, name: TestChain['name']): TestChain => ({
    ...withLeaf({ names }),
    name: name!,
  })
  chainCases([
    ['a host', () => named({ dns: ['a.test', 'b.test'] }, { dns: 'B.test' }), 'valid'],
    ['another host', () => named({ dns: ['a.test'] }, { dns: 'b.test' }), 'name_mismatch'],
    ['a wildcard', () => named({ dns: ['*.a.test'] }, { dns: 'b.a.test' }), 'valid'],
    ['an address', () => named({ ip: [ip('127.0.0.1')] }, { ip: ip('127.0.0.1') }), 'valid'],
    ['another address', () => named({ ip: [ip('127.0.0.1')] }, { ip: ip('127.0.0.2') }), 'name_mismatch'],
    [
      'an address that stands in a dNSName',
      () => named({ dns: ['127.0.0.1'] }, { ip: ip('127.0.0.1') }),
      'subject_alt_name_invalid',
    ],
    [
      'an address of 5 octets',
      () => named({ dns: ['a.test'], ip: [new Uint8Array(5)] }, { dns: 'a.test' }),
      'subject_alt_name_invalid',
    ],
    [
      'a host that stands in the common name',
      () => ({ ...withLeaf({ subject: 'a.test', names: { dns: ['b.test'] } }), name: { dns: 'a.test' } }),
      'name_mismatch',
    ],
    [
      'a common name and nothing else',
      () => ({ ...withLeaf({ subject: 'a.test', extensions: { subjectAltName: null } }), name: { dns: 'a.test' } }),
      'name_mismatch',
    ],
    ['something that is no host', () => named({ dns: ['a.test'] }, { dns: 'a test' }), 'reference_name_invalid'],
    ['no name at all', () => named({ uri: ['spiffe://acme/a'] }, undefined), 'valid'],
  ])
})

/** root (limits) → leaf */
const limited = (constraints: TestCertificate, leaf: TestCertificate): TestChain => {
  const anchor = TestIdentity.root(constraints)
  return { leaf: anchor.leaf(leaf), roots: [anchor] }
}

describe('chains: name constraints', () => {
  const dns = (...names: string[]) => ({ dns: names })
  const foo = { permitted: dns('foo.test') }
  const mailboxSubject = (...mailboxes: string[]) =>
    sequence(...mailboxes.map(mailbox => setOf(sequence(oid(EMAIL_ADDRESS), ia5String(mailbox)))))
  chainCases([
    ['constraints of the root', () => limited(foo, { names: dns('a.foo.test') }), 'valid'],
    ['a leaf against the root', () => limited(foo, { names: dns('bar.test') }), 'name_constraint_violated'],
    [
      'constraints that are not critical',
      () => limited(rawConstraints(false, permitsTest), { names: dns('a.example') }),
      'name_constraint_violated',
    ],
    [
      'one of many names',
      () => limited({ excluded: dns('bar.test') }, { names: dns('foo.test', 'bar.test') }),
      'name_constraint_violated',
    ],
    ['the common name, which is no host', () => limited(foo, { subject: 'bar.test', names: dns('foo.test') }), 'valid'],
    [
      'a malformed subtree',
      () => limited({ permitted: dns('*.foo.test') }, { names: dns('a.foo.test') }),
      'name_constraints_invalid',
    ],
    ['no subtrees at all', () => limited(rawConstraints(true), {}), 'extension_malformed'],
    [
      'two empty lists of subtrees',
      () => limited(rawConstraints(true, noPermitted, noExcluded), {}),
      'extension_malformed',
    ],
    [
      'an empty list beside another',
      () => limited(rawConstraints(true, noPermitted, excludesA), {}),
      'extension_malformed',
    ],
    [
      'another beside an empty list',
      () => limited(rawConstraints(true, permitsTest, noExcluded), {}),
      'extension_malformed',
    ],

    [
      'an intermediate against its issuer',
      () => nested(foo, { names: dns('bar.test') }, { names: dns('foo.test') }),
      'name_constraint_violated',
    ],
    [
      'narrower permissions below',
      () => nested({ permitted: dns('foo.test', 'bar.test') }, foo, { names: dns('bar.test') }),
      'name_constraint_violated',
    ],
    [
      'wider permissions below',
      () => nested(foo, { permitted: dns('foo.test', 'bar.test') }, { names: dns('bar.test') }),
      'name_constraint_violated',
    ],
    [
      'what both permit',
      () => nested({ permitted: dns('foo.test', 'bar.test') }, foo, { names: dns('foo.test') }),
      'valid',
    ],
    [
      'an exclusion below a permission',
      () => nested(foo, { excluded: dns('a.foo.test') }, { names: dns('a.foo.test') }),
      'name_constraint_violated',
    ],

    [
      'a self-issued intermediate, which is passed over',
      () => rollover(foo, { names: dns('bar.test') }, { names: dns('foo.test') }),
      'valid',
    ],
    ['a self-issued leaf, which is not', () => selfIssuedLeaf(), 'name_constraint_violated'],

    [
      'a subject',
      () =>
        limited(directory(['O', 'Acme']), {
          subject: encodeName([
            ['O', 'ACME'],
            ['CN', 'a'],
          ]),
        }),
      'valid',
    ],
    [
      'another subject',
      () => limited(directory(['O', 'Acme']), { subject: encodeName([['O', 'Acne']]) }),
      'name_constraint_violated',
    ],
    [
      'a directory name beside the subject',
      () =>
        limited(directory(['O', 'Acme']), {
          subject: encodeName([['O', 'Acme']]),
          extensions: { subjectAltName: directoryAltName(['O', 'Acne']) },
        }),
      'name_constraint_violated',
    ],
    ['an empty subject', () => limited(directory(['O', 'Acme']), { subject: '' }), 'valid'],
    [
      'the name of an intermediate',
      () =>
        nested(
          directory(['O', 'Acme']),
          { subject: encodeName([['O', 'Acne']]) },
          { subject: encodeName([['O', 'Acme']]) },
        ),
      'name_constraint_violated',
    ],

    ['a mailbox', () => limited({ permitted: { email: ['foo.test'] } }, { names: { email: ['a@foo.test'] } }), 'valid'],
    [
      'a mailbox elsewhere',
      () => limited({ permitted: { email: ['foo.test'] } }, { names: { email: ['a@bar.test'] } }),
      'name_constraint_violated',
    ],
    [
      'a mailbox in the subject, without other names',
      () =>
        limited(
          { permitted: { email: ['foo.test'] } },
          { subject: mailboxSubject('a@bar.test'), extensions: { subjectAltName: null } },
        ),
      'name_constraint_violated',
    ],
    [
      'a mailbox in the subject, beside other names',
      () => limited({ permitted: { email: ['foo.test'] } }, { subject: mailboxSubject('a@bar.test') }),
      'valid',
    ],
    [
      'a mailbox in the subject that is no text',
      () =>
        limited(
          { permitted: { email: ['foo.test'] } },
          { subject: sequence(setOf(sequence(oid(EMAIL_ADDRESS), nullValue()))), extensions: { subjectAltName: null } },
        ),
      'name_constraint_violated',
    ],

    [
      'a trust domain',
      () => limited({ permitted: { uri: ['acme.test'] } }, { names: { uri: ['spiffe://acme.test/a'] } }),
      'valid',
    ],
    [
      'another trust domain',
      () => limited({ permitted: { uri: ['acme.test'] } }, { names: { uri: ['spiffe://evil.test/a'] } }),
      'name_constraint_violated',
    ],
    [
      'an address',
      () => limited({ permitted: { ip: [subnet('10.0.0.0', '255.0.0.0')] } }, { names: { ip: [ip('10.1.2.3')] } }),
      'valid',
    ],
    [
      'an address elsewhere',
      () => limited({ permitted: { ip: [subnet('10.0.0.0', '255.0.0.0')] } }, { names: { ip: [ip('11.1.2.3')] } }),
      'name_constraint_violated',
    ],

    [
      'an otherName that is excluded',
      () => limited(otherConstraint, { extensions: { subjectAltName: otherAltName } }),
      'name_constraint_violated',
    ],
    ['an otherName that is excluded and nobody has', () => limited(otherConstraint, {}), 'valid'],
    [
      'a thousand names under a thousand subtrees',
      () => limited({ permitted: dns(...many('t')), excluded: dns(...many('x')) }, { names: dns(...many('t')) }),
      'chain_work_exceeded',
    ],
    [
      'a subject of a thousand mailboxes',
      () =>
        limited(
          { permitted: { email: many('a').map(host => `a@${host}`) } },
          { subject: mailboxSubject(...many('a').map(host => `a@${host}`)), extensions: { subjectAltName: null } },
        ),
      'chain_work_exceeded',
    ],
  ])

  it('tries another path where the first one forbids the name', () => {
    const strict = TestIdentity.root()
    const open = TestIdentity.root()
    const narrow = strict.ca({ excluded: dns('foo.test') })
    const issuing = narrow.ca()
    const cross = open.certify(issuing)
    const chain = { leaf: issuing.leaf({ names: dns('foo.test') }), roots: [strict, open] }
    for (const through of [
      [narrow, issuing, cross],
      [cross, issuing, narrow],
    ])
      assert.deepEqual(judge(() => ({ ...chain, through })).path, [chain.leaf, cross, open])
  })
})

/** root → CA (upper) → CA (lower) → leaf */
function nested(upper: TestCertificate, lower: TestCertificate, leaf: TestCertificate): TestChain {
  const first = root.ca(upper)
  const second = first.ca(lower)
  return { leaf: second.leaf(leaf), through: [first, second], roots: [root] }
}

/** root (limits) → the same CA with a new key → leaf */
function rollover(constraints: TestCertificate, renewed: TestCertificate, leaf: TestCertificate): TestChain {
  const anchor = TestIdentity.root(constraints)
  const next = anchor.certify(anchor, { key: generateKeyNow('P-256'), ...renewed })
  return { leaf: next.leaf(leaf), through: [next], roots: [anchor] }
}

function selfIssuedLeaf(): TestChain {
  const anchor = TestIdentity.root({ permitted: { dns: ['foo.test'] } })
  const issuing = anchor.ca()
  const leaf = issuing.leaf({ subject: issuing.certificate.subject.der, names: { dns: ['bar.test'] } })
  return { leaf, through: [issuing], roots: [anchor] }
}

function many(letter: string): string[] {
  return Array.from({ length: 600 }, (_, index) => `${letter}${index}.test`)
}

/** Name constraints of any content. */
function rawConstraints(critical: boolean, ...lists: Uint8Array[]): TestCertificate {
  return { extensions: { nameConstraints: rawExtension(EXTENSIONS.nameConstraints, critical, sequence(...lists)) } }
}

const host = (text: string) => sequence(ia5String(text, contextPrimitive(2)))
const noPermitted = element(contextConstructed(0))
const noExcluded = element(contextConstructed(1))
const permitsTest = element(contextConstructed(0), host('test'))
const excludesA = element(contextConstructed(1), host('a.test'))

type Attribute = readonly [keyof typeof NAME_ATTRIBUTES, string]

/** Name constraints that permit one subtree of directory names. */
function directory(attribute: Attribute): TestCertificate {
  const base = element(contextConstructed(4), encodeName([attribute]))
  return rawConstraints(true, element(contextConstructed(0), sequence(base)))
}

const directoryAltName = (attribute: Attribute) =>
  rawExtension(EXTENSIONS.subjectAltName, false, sequence(element(contextConstructed(4), encodeName([attribute]))))

const OTHER_NAME = element(contextConstructed(0), oid('1.2.3.4'), element(contextConstructed(0), nullValue()))
const otherAltName = rawExtension(EXTENSIONS.subjectAltName, false, sequence(OTHER_NAME))
const otherConstraint = rawConstraints(true, element(contextConstructed(1), sequence(OTHER_NAME)))

describe('chains: every mix of names and constraints', () => {
  // Each name and each subtree is absent, good or bad, where good is what the client asks for (after BetterTLS).
  const MIX = ['none', 'good', 'bad'] as const
  type Mix = (typeof MIX)[number]
  const HOST: Readonly<Record<Mix, GeneralNamesInput>> = {
    none: {},
    good: { dns: ['a.good.test'] },
    bad: { dns: ['a.bad.test'] },
  }
  const TREE: Readonly<Record<Mix, GeneralNamesInput>> = {
    none: {},
    good: { dns: ['good.test'] },
    bad: { dns: ['bad.test'] },
  }
  const ADDRESS: Readonly<Record<Mix, GeneralNamesInput>> = {
    none: {},
    good: { ip: [ip('10.0.0.1')] },
    bad: { ip: [ip('11.0.0.1')] },
  }
  const NET: Readonly<Record<Mix, GeneralNamesInput>> = {
    none: {},
    good: { ip: [subnet('10.0.0.0', '255.255.255.0')] },
    bad: { ip: [subnet('11.0.0.0', '255.255.255.0')] },
  }
  const combinations = (count: number): Mix[][] =>
    count === 0 ? [[]] : combinations(count - 1).flatMap(rest => MIX.map(mix => [...rest, mix]))
  const violates = (name: Mix, permitted: Mix, excluded: Mix) =>
    name !== 'none' && ((permitted !== 'none' && permitted !== name) || excluded === name)

  const anchor = TestIdentity.root()
  const cas = combinations(4).map(mix => {
    const [hosts, addresses, noHosts, noAddresses] = mix as [Mix, Mix, Mix, Mix]
    const permitted = { ...TREE[hosts], ...NET[addresses] }
    const excluded = { ...TREE[noHosts], ...NET[noAddresses] }
    return { mix: { hosts, addresses, noHosts, noAddresses }, ca: anchor.ca(limits(permitted, excluded)) }
  })

  for (const [host, address] of combinations(2) as [Mix, Mix][])
    it(`host ${host}, address ${address}: 81 constraints, 2 questions`, () => {
      for (const { mix, ca } of cas) {
        const names = { ...HOST[host], ...ADDRESS[address] }
        const leaf = ca.leaf({ subject: 'a.good.test', extensions: altName(names) })
        const violated = violates(host, mix.hosts, mix.noHosts) || violates(address, mix.addresses, mix.noAddresses)
        for (const [name, asked] of [
          [{ dns: 'a.good.test' }, host],
          [{ ip: ip('10.0.0.1') }, address],
        ] as const) {
          const verdict = judge(() => ({ leaf, through: [ca], roots: [anchor], name })).verdict
          const expected = violated ? 'name_constraint_violated' : asked === 'good' ? 'valid' : 'name_mismatch'
          assert.equal(verdict, expected, JSON.stringify(mix))
        }
      }
    })

  function limits(permitted: GeneralNamesInput, excluded: GeneralNamesInput): TestCertificate {
    return Object.keys({ ...permitted, ...excluded }).length === 0 ? {} : { permitted, excluded }
  }

  function altName(names: GeneralNamesInput) {
    return { subjectAltName: Object.keys(names).length === 0 ? null : subjectAltName(names, false) }
  }
})
