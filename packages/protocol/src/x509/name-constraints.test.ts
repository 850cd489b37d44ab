import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readDer } from '../der/reader.ts'
import { ProtocolError } from '../errors.ts'
import { CHAIN_WORK, ChainWork } from './chain-work.ts'
import { encodeName, readName } from './name.ts'
import { checkNameConstraints, type NamesByForm } from './name-constraints.ts'

type Names = Partial<NamesByForm>
type Verdict = 'holds' | 'name_constraint_violated' | 'name_constraints_invalid' | 'chain_work_exceeded'

const NONE: NamesByForm = { dns: [], ip: [], email: [], uri: [], directoryName: [], other: [] }
const dn = (...names: Parameters<typeof encodeName>[0]) => readDer(encodeName(names), readName)
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))

function judge(permitted: Names, excluded: Names, names: Names): Verdict {
  try {
    const constraints = { permitted: { ...NONE, ...permitted }, excluded: { ...NONE, ...excluded } }
    checkNameConstraints(constraints, { ...NONE, ...names }, new ChainWork())
    return 'holds'
  } catch (error) {
    assert.ok(error instanceof ProtocolError)
    return error.code as Verdict
  }
}

const violated = 'name_constraint_violated'
const invalid = 'name_constraints_invalid'

const acme = dn(['O', 'Acme'])

const CASES: readonly [why: string, permitted: Names, excluded: Names, names: Names, verdict: Verdict][] = [
  // dNSName
  ['the host itself', { dns: ['example.com'] }, {}, { dns: ['example.com'] }, 'holds'],
  ['a host below, without case', { dns: ['Example.com'] }, {}, { dns: ['A.b.EXAMPLE.COM'] }, 'holds'],
  ['a host that only ends alike', { dns: ['example.com'] }, {}, { dns: ['not-example.com'] }, violated],
  ['the parent', { dns: ['a.example.com'] }, {}, { dns: ['example.com'] }, violated],
  ['one of two hosts outside', { dns: ['a.test', 'b.test'] }, {}, { dns: ['a.test', 'c.test'] }, violated],
  ['two hosts in two subtrees', { dns: ['a.test', 'b.test'] }, {}, { dns: ['x.b.test', 'a.test'] }, 'holds'],
  ['no name of the form', { dns: ['a.test'] }, { dns: ['b.test'] }, { ip: [bytes('7f000001')] }, 'holds'],
  ['an excluded host', {}, { dns: ['example.com'] }, { dns: ['a.test', 'example.com'] }, violated],
  ['a host below an excluded one', {}, { dns: ['example.com'] }, { dns: ['a.example.com'] }, violated],
  ['permitted and excluded', { dns: ['a.test'] }, { dns: ['a.test'] }, { dns: ['a.test'] }, violated],
  ['a single label', { dns: ['localhost'] }, {}, { dns: ['test.localhost'] }, 'holds'],
  ['everything excluded', {}, { dns: [''] }, { dns: ['a.test'] }, violated],
  ['everything permitted', { dns: [''] }, {}, { dns: ['a.test', '*.b.test'] }, 'holds'],
  ['a wildcard within', { dns: ['example.com'] }, {}, { dns: ['*.example.com'] }, 'holds'],
  ['a wildcard around the subtree', { dns: ['foo.example.com'] }, {}, { dns: ['*.example.com'] }, violated],
  ['a wildcard that may be excluded', {}, { dns: ['bar.example.com'] }, { dns: ['*.example.com'] }, violated],
  ['a wildcard under an exclusion', {}, { dns: ['example.com'] }, { dns: ['*.a.example.com'] }, violated],
  ['an exclusion too deep for it', {}, { dns: ['a.bar.example.com'] }, { dns: ['*.example.com'] }, 'holds'],
  ['an exclusion beside it', {}, { dns: ['bar.example.org'] }, { dns: ['*.example.com'] }, 'holds'],
  ['a malformed host', { dns: ['example.com'] }, {}, { dns: ['a.example.com', '.example.com'] }, violated],
  ['a malformed host against exclusions', {}, { dns: ['a.test'] }, { dns: ['x_y.test'] }, violated],
  ['a host with a NUL', { dns: ['example.com'] }, {}, { dns: ['evil.org\0.example.com'] }, violated],
  ['a wildcard as subtree', { dns: ['*.example.com'] }, {}, { dns: ['a.example.com'] }, invalid],
  ['a leading dot in a subtree', { dns: ['.example.com'] }, {}, { dns: ['a.example.com'] }, invalid],
  ['a malformed exclusion that no name meets', {}, { dns: ['a..b'] }, {}, invalid],

  // iPAddress
  ['an address within', { ip: [bytes('c0000200ffffff00')] }, {}, { ip: [bytes('c0000201')] }, 'holds'],
  ['an address outside', { ip: [bytes('c0000200ffffff00')] }, {}, { ip: [bytes('c0000301')] }, violated],
  ['an excluded address', {}, { ip: [bytes('c0000200ffffff00')] }, { ip: [bytes('c0000201')] }, violated],
  ['host bits beside the mask', { ip: [bytes('c00002ffffffff00')] }, {}, { ip: [bytes('c0000201')] }, 'holds'],
  ['the other family permitted', { ip: [bytes('c0000200ffffff00')] }, {}, { ip: [bytes('00'.repeat(16))] }, violated],
  ['the other family excluded', {}, { ip: [bytes('00'.repeat(8))] }, { ip: [bytes('00'.repeat(16))] }, 'holds'],
  ['every IPv6 address excluded', {}, { ip: [bytes('00'.repeat(32))] }, { ip: [bytes('ff'.repeat(16))] }, violated],
  [
    'a range where an address is due',
    { ip: [bytes('c0000200ffffff00')] },
    {},
    { ip: [bytes('c0000200ffffff00')] },
    violated,
  ],
  ['a subtree without a mask', { ip: [bytes('7f000001')] }, {}, { ip: [bytes('7f000001')] }, invalid],
  ['an IPv6 subtree without a mask', { ip: [bytes('00'.repeat(16))] }, {}, {}, invalid],
  ['a mask with a hole', { ip: [bytes('c0000200ff00ff00')] }, {}, {}, invalid],

  // rfc822Name
  ['a mailbox', { email: ['foo@example.com'] }, {}, { email: ['foo@Example.com'] }, 'holds'],
  ['another mailbox', { email: ['foo@example.com'] }, {}, { email: ['Foo@example.com'] }, violated],
  ['all mailboxes of a host', { email: ['example.com'] }, {}, { email: ['foo@example.com'] }, 'holds'],
  ['a host below that one', { email: ['example.com'] }, {}, { email: ['foo@a.example.com'] }, violated],
  ['all hosts of a domain', { email: ['.example.com'] }, {}, { email: ['foo@a.b.example.com'] }, 'holds'],
  ['the domain itself', { email: ['.example.com'] }, {}, { email: ['foo@example.com'] }, violated],
  ['an excluded mailbox', {}, { email: ['foo@a.test'] }, { email: ['bar@a.test', 'foo@a.test'] }, violated],
  ['all mail excluded', {}, { email: [''] }, { email: ['foo@a.test'] }, violated],
  ['a mailbox with two @', { email: ['example.com'] }, {}, { email: ['a@b@example.com'] }, violated],
  ['a quoted local part', { email: ['example.com'] }, {}, { email: ['"a@evil.org"@example.com'] }, violated],
  ['a mailbox without a host', { email: ['example.com'] }, {}, { email: ['foo'] }, violated],
  ['a subtree with two @', { email: ['a@b@example.com'] }, {}, { email: ['a@example.com'] }, invalid],
  ['a subtree of one dot', { email: ['.'] }, {}, {}, invalid],

  // uniformResourceIdentifier
  ['a trust domain', { uri: ['acme.example'] }, {}, { uri: ['spiffe://acme.example/a/b'] }, 'holds'],
  ['a trust domain with an underscore', { uri: ['acme_1'] }, {}, { uri: ['spiffe://acme_1/a'] }, 'holds'],
  ['another trust domain', { uri: ['acme.example'] }, {}, { uri: ['spiffe://evil.example/acme.example'] }, violated],
  ['a host below', { uri: ['acme.example'] }, {}, { uri: ['spiffe://a.acme.example/a'] }, violated],
  ['a host below a domain', { uri: ['.acme.example'] }, {}, { uri: ['https://a.acme.example:8443?q'] }, 'holds'],
  ['the domain itself, in a URI', { uri: ['.acme.example'] }, {}, { uri: ['https://acme.example'] }, violated],
  ['a host without case', { uri: ['acme.example'] }, {}, { uri: ['HTTPS://ACME.example#a'] }, 'holds'],
  ['user information', { uri: ['acme.example'] }, {}, { uri: ['https://user@acme.example/'] }, violated],
  [
    'a host after a backslash',
    { uri: ['acme.example'] },
    {},
    { uri: ['https://evil.example\\@acme.example'] },
    violated,
  ],
  ['an address in a URI', { uri: [''] }, {}, { uri: ['https://192.0.2.1/'] }, violated],
  ['an IPv6 address in a URI', {}, { uri: ['acme.example'] }, { uri: ['https://[::1]/'] }, violated],
  ['a URI without a host', {}, { uri: ['acme.example'] }, { uri: ['urn:uuid:0'] }, violated],
  ['percent-encoding in a host', {}, { uri: ['acme.example'] }, { uri: ['https://acme%2eexample/'] }, violated],
  ['a whole URI as subtree', { uri: ['https://acme.example'] }, {}, {}, invalid],

  // directoryName
  ['a name below', { directoryName: [acme] }, {}, { directoryName: [dn(['O', 'Acme'], ['CN', 'a'])] }, 'holds'],
  ['the same name', { directoryName: [acme] }, {}, { directoryName: [acme] }, 'holds'],
  [
    'a name that begins later',
    { directoryName: [acme] },
    {},
    { directoryName: [dn(['C', 'DE'], ['O', 'Acme'])] },
    violated,
  ],
  ['a shorter name', { directoryName: [dn(['O', 'Acme'], ['CN', 'a'])] }, {}, { directoryName: [acme] }, violated],
  ['a longer value', { directoryName: [acme] }, {}, { directoryName: [dn(['O', 'Acme Inc'])] }, violated],
  ['another attribute', { directoryName: [acme] }, {}, { directoryName: [dn(['OU', 'Acme'])] }, violated],
  ['an excluded name', {}, { directoryName: [acme] }, { directoryName: [dn(['O', 'Acme'], ['CN', 'a'])] }, violated],
  ['an excluded name in other case', {}, { directoryName: [acme] }, { directoryName: [dn(['O', ' aCME '])] }, violated],
  ['every name excluded', {}, { directoryName: [dn()] }, { directoryName: [acme] }, violated],

  // forms that are not read
  ['an otherName under a constraint', {}, { other: [{ tag: 0 }] }, { other: [{ tag: 0 }] }, violated],
  ['a permitted otherName', { other: [{ tag: 0 }] }, {}, { other: [{ tag: 8 }, { tag: 0 }] }, violated],
  ['a constraint that no name meets', {}, { other: [{ tag: 0 }] }, { dns: ['a.test'], other: [{ tag: 8 }] }, 'holds'],
]

describe('checkNameConstraints', () => {
  for (const [why, permitted, excluded, names, verdict] of CASES)
    it(`${verdict}: ${why}`, () => assert.equal(judge(permitted, excluded, names), verdict))

  it('ends quickly when names times subtrees get out of hand', () => {
    const many = (letter: string) => Array.from({ length: 600 }, (_, index) => `${letter}${index}.test`)
    assert.equal(judge({ dns: many('t') }, { dns: many('x') }, { dns: many('t') }), 'chain_work_exceeded')
  })

  it('adds up the work of several certificates', () => {
    const work = new ChainWork()
    const subtrees = { ...NONE, dns: ['a.test'] }
    const names = { ...NONE, dns: new Array<string>(CHAIN_WORK.comparisons / 2 - 1).fill('a.test') }
    const check = () => checkNameConstraints({ permitted: subtrees, excluded: NONE }, names, work)
    check()
    check()
    assert.throws(check, { code: 'chain_work_exceeded' })
  })

  it('permits exactly what it does not exclude, for one subtree and plain hosts', () => {
    const label = fc.constantFrom('a', 'b', 'c')
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
    fc.assert(
      fc.property(host, host, (name, subtree) => {
        const inside = name === subtree || name.endsWith(`.${subtree}`)
        assert.equal(judge({ dns: [subtree] }, {}, { dns: [name] }), inside ? 'holds' : violated)
        assert.equal(judge({}, { dns: [subtree] }, { dns: [name] }), inside ? violated : 'holds')
      }),
    )
  })

  it('never lets a wildcard vouch for a host that itself would be refused', () => {
    const label = fc.constantFrom('a', 'b')
    const hosts = fc.array(label, { minLength: 2, maxLength: 4 }).map(labels => labels.join('.'))
    const subtrees = fc.array(hosts, { maxLength: 3 })
    fc.assert(
      fc.property(hosts, label, subtrees, subtrees, (base, first, permitted, excluded) => {
        const wildcard = judge({ dns: permitted }, { dns: excluded }, { dns: [`*.${base}`] })
        const host = judge({ dns: permitted }, { dns: excluded }, { dns: [`${first}.${base}`] })
        if (wildcard === 'holds') assert.equal(host, 'holds')
      }),
    )
  })
})
