import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { KeyType } from '../algorithms.ts'
import { generateKeyNow } from '../node/generate.ts'
import { rawExtension, TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { Certificate } from './certificate.ts'
import { judge, type TestChain } from './chain.suite.ts'
import { basicConstraints, extendedKeyUsage, keyUsage } from './extension-encoders.ts'

type Key = ReturnType<typeof generateKeyNow>
const KEYS = (['P-256', 'P-384', 'Ed25519'] as const satisfies KeyType[]).map(type => generateKeyNow(type))

/** What a chain is made from: one entry for each certificate, the root first, the leaf last. */
interface Plan {
  readonly keys: readonly Key[]
  readonly slack: readonly number[]
  readonly host: string
  readonly shuffle: number
}

const plans: fc.Arbitrary<Plan> = fc.integer({ min: 2, max: 6 }).chain(length =>
  fc.record({
    keys: fc.array(fc.constantFrom(...KEYS), { minLength: length, maxLength: length }),
    slack: fc.array(fc.nat({ max: 3 }), { minLength: length, maxLength: length }),
    host: fc.domain().map(domain => domain.toLowerCase()),
    shuffle: fc.nat({ max: 5 }),
  }),
)

/** The chain of a plan, where `change` may spoil the certificate at one place. */
function build(plan: Plan, change: (place: number) => TestCertificate = () => ({})): TestChain {
  const { keys, slack, host, shuffle } = plan
  const last = keys.length - 1
  const members: TestIdentity[] = []
  for (const [place, key] of keys.entries()) {
    const issuer = members.at(-1)
    const limits = { pathLen: last - 1 - place + slack[place]!, permitted: { dns: [host] } }
    const options = { key, notBefore: TEST_TIME - slack[place]!, notAfter: TEST_TIME + slack[place]! }
    const changed = change(place)
    const asCa = { ...limits, ...options, ...changed }
    if (issuer === undefined) members.push(TestIdentity.root(asCa))
    else if (place < last) members.push(issuer.ca(asCa))
    else members.push(issuer.leaf({ names: { dns: [`a.${host}`] }, ...options, ...changed }))
  }
  const through = members.slice(1, -1)
  return {
    leaf: members.at(-1)!,
    through: [...through.slice(shuffle), ...through.slice(0, shuffle)],
    roots: [members[0]!],
    name: { dns: `a.${host}` },
  }
}

interface Spoiler {
  readonly why: string
  /** Which certificates it can spoil. */
  readonly at: 'any' | 'ca' | 'leaf' | 'not root'
  readonly change: (plan: Plan, place: number) => TestCertificate
  readonly code: string
}

const SPOILERS: readonly Spoiler[] = [
  {
    why: 'an end too early',
    at: 'any',
    change: () => ({ notAfter: TEST_TIME - 1, notBefore: TEST_TIME - 9 }),
    code: 'certificate_expired',
  },
  {
    why: 'a late beginning',
    at: 'any',
    change: () => ({ notBefore: TEST_TIME + 1, notAfter: TEST_TIME + 9 }),
    code: 'certificate_not_yet_valid',
  },
  {
    why: 'no CA',
    at: 'ca',
    change: () => ({
      extensions: { basicConstraints: basicConstraints({ ca: false }), keyUsage: null, nameConstraints: null },
    }),
    code: 'not_a_ca',
  },
  {
    why: 'no right to sign',
    at: 'ca',
    change: () => ({ extensions: { keyUsage: keyUsage(['cRLSign']) } }),
    code: 'key_usage_forbidden',
  },
  {
    why: 'another purpose',
    at: 'any',
    change: () => ({ extensions: { extendedKeyUsage: extendedKeyUsage(['1.3.6.1.5.5.7.3.4']) } }),
    code: 'extended_key_usage_forbidden',
  },
  {
    why: 'another subtree',
    at: 'ca',
    change: () => ({ permitted: { dns: ['elsewhere.test'] } }),
    code: 'name_constraint_violated',
  },
  {
    why: 'an exclusion',
    at: 'ca',
    change: plan => ({ excluded: { dns: [plan.host] } }),
    code: 'name_constraint_violated',
  },
  {
    why: 'an unknown critical extension',
    at: 'any',
    change: () => ({ extensions: { x: rawExtension('1.2.3.4', true, Uint8Array.of(5, 0)) } }),
    code: 'extension_critical_unknown',
  },
  {
    why: 'a smaller path length',
    at: 'ca',
    change: (plan, place) => ({ pathLen: plan.keys.length - 3 - place }),
    code: 'path_length_exceeded',
  },
  { why: 'another name', at: 'leaf', change: plan => ({ names: { dns: [`b.${plan.host}`] } }), code: 'name_mismatch' },
  {
    why: 'another issuer',
    at: 'not root',
    change: () => ({ issuer: TestIdentity.root({ subject: 'Nobody' }).certificate.subject.der }),
    code: 'chain_untrusted',
  },
]

describe('chains at random', () => {
  it('are valid when nothing is wrong', () => {
    fc.assert(
      fc.property(plans, plan => assert.equal(judge(() => build(plan)).verdict, 'valid')),
      { numRuns: 60 },
    )
  })

  for (const { why, at, change, code } of SPOILERS)
    it(`are refused with ${code} for ${why}`, () => {
      fc.assert(
        fc.property(plans, fc.nat(), (plan, pick) => {
          const places = spoilable(at, plan, code)
          if (places.length === 0) return
          const target = places[pick % places.length]!
          const spoiled = build(plan, place => (place === target ? change(plan, place) : {}))
          assert.equal(judge(() => spoiled).verdict, code)
        }),
        { numRuns: 40 },
      )
    })

  it('are refused without any one of their certificates', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (plan, pick) => {
        const chain = build(plan)
        const through = chain.through!
        assert.equal(judge(() => ({ ...chain, roots: [] })).verdict, 'chain_untrusted')
        if (through.length === 0) return
        const without = through.toSpliced(pick % through.length, 1)
        assert.equal(judge(() => ({ ...chain, through: without })).verdict, 'chain_untrusted')
      }),
      { numRuns: 40 },
    )
  })

  it('are refused after the change of any bit that is signed, and of the signature', () => {
    const chain = build({ keys: KEYS.slice(0, 2), slack: [9, 9], host: 'a.test', shuffle: 0 })
    const { certificate, key } = chain.leaf
    fc.assert(
      fc.property(fc.nat({ max: certificate.der.length * 8 - 1 }), bit => {
        const der = certificate.der.slice()
        der[bit >> 3]! ^= 1 << (bit & 7)
        const { verdict } = judge(() => ({ ...chain, leaf: new TestIdentity(Certificate.fromDer(der), key) }))
        assert.notEqual(verdict, 'valid')
      }),
      { numRuns: 400 },
    )
  })
})

function spoilable(at: Spoiler['at'], plan: Plan, code: string): number[] {
  const last = plan.keys.length - 1
  const places = plan.keys.map((_, place) => place)
  switch (at) {
    case 'any':
      return places
    case 'leaf':
      return [last]
    case 'not root':
      return places.slice(1)
    case 'ca':
      // The CA above the leaf has nothing below that a path length could forbid.
      return places.slice(0, code === 'path_length_exceeded' ? last - 1 : last)
    default:
      return at satisfies never
  }
}
