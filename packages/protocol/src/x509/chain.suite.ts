import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { type ChainRequest, verifyChain } from './chain.ts'
import { type Edit, forge } from './forge.suite.ts'

/** A chain as tests write it: identities instead of certificates, and usual values for the rest. */
export interface TestChain extends Partial<Omit<ChainRequest, 'leaf' | 'intermediates' | 'roots'>> {
  readonly leaf: TestIdentity
  readonly through?: readonly TestIdentity[]
  readonly roots: readonly TestIdentity[]
}

/** Why, how the chain is built, and `valid` or the code that refuses it (also when a certificate cannot even be read). */
export type ChainCase = readonly [why: string, build: () => TestChain, verdict: string]

/** The names of the path, or the code of the refusal. */
export function judge(build: () => TestChain): { verdict: string; path: readonly TestIdentity[] } {
  try {
    const chain = build()
    const members = [chain.leaf, ...(chain.through ?? []), ...chain.roots]
    const path = verifyChain(requestOf(chain), nodeCrypto)
    return { verdict: 'valid', path: path.map(found => members.find(({ certificate }) => certificate === found)!) }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { verdict: error.code, path: [] }
  }
}

export function requestOf({ leaf, through = [], roots, ...rest }: TestChain): ChainRequest {
  return {
    at: TEST_TIME,
    purpose: 'serverAuth',
    ...rest,
    leaf: leaf.certificate,
    intermediates: through.map(identity => identity.certificate),
    roots: roots.map(identity => identity.certificate),
  }
}

export function chainCases(cases: readonly ChainCase[]): void {
  for (const [why, build, verdict] of cases) it(`${verdict}: ${why}`, () => assert.equal(judge(build).verdict, verdict))
}

const root = TestIdentity.root()
const issuing = root.ca()

/** A correct chain, for changes of one thing. */
export const correct = { root, issuing } as const

/** Chains of a correct root, intermediate and leaf, but for what the options change in one of them. */
export function withLeaf(options: TestCertificate): TestChain {
  return { leaf: issuing.leaf(options), through: [issuing], roots: [root] }
}

export const withCa = (options: TestCertificate): TestChain => below(root.ca(options))
export const withRoot = (options: TestCertificate): TestChain => under(TestIdentity.root(options))

/** A leaf below an intermediate of the correct root, and one below a root of its own. */
export const below = (ca: TestIdentity): TestChain => ({ leaf: ca.leaf(), through: [ca], roots: [root] })
export const under = (anchor: TestIdentity): TestChain => ({ leaf: anchor.leaf(), roots: [anchor] })

export function forgedLeaf(edit: Edit, hash?: string): TestChain {
  return { leaf: forge(issuing.leaf(), issuing.key, edit, hash), through: [issuing], roots: [root] }
}

export const forgedCa = (edit: Edit, hash?: string): TestChain => below(forge(root.ca(), root.key, edit, hash))
export const forgedRoot = (edit: Edit, hash?: string): TestChain => under(forge(root, root.key, edit, hash))
