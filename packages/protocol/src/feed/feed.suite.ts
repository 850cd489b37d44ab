import type { KeyObject } from 'node:crypto'
import { base64Url, rawSignature } from '../jose/tokens.suite.ts'
import { nodeCrypto, nodeSigner } from '../node/crypto.ts'
import { TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { TrustDomain } from '../spiffe/id.ts'
import { extendedKeyUsage } from '../x509/extension-encoders.ts'
import { subjectOf } from './subject.ts'
import type { Ack, Credential, FeedLine, Receipt, ReceiptPoint, Subject } from './types.ts'

/** Unix milliseconds within every test certificate. */
export const AT = TEST_TIME * 1000
export const POINT = '11111111-2222-4333-8444-555555555555'
export const trustDomain = TrustDomain.parse('example.org')
export const root = TestIdentity.root()
export const agents = root.ca()

const usage = (...names: Parameters<typeof extendedKeyUsage>[0]) => ({ extendedKeyUsage: extendedKeyUsage(names) })

/** The key of an instance that signs lines, and how it differs from a sound one. */
export const feedKey = (instance: string, options: TestCertificate = {}): TestIdentity =>
  root.leaf({
    subject: 'feed',
    names: { uri: [`spiffe://example.org/lanyard/feed/${instance}`] },
    extensions: usage('lanyardFeed'),
    ...options,
  })

export const receiptKey = (options: TestCertificate = {}): TestIdentity =>
  root.leaf({
    subject: 'receipt',
    names: { uri: ['spiffe://example.org/lanyard/receipt'] },
    extensions: usage('lanyardReceipt'),
    ...options,
  })

export const svid = (id = 'spiffe://example.org/acme/point', options: TestCertificate = {}): TestIdentity =>
  agents.leaf({ subject: '', names: { uri: [id] }, ...options })

export const signing = (identity: TestIdentity, kid = 'k1') => ({
  kid,
  signer: nodeSigner(identity.key),
  x5c: [identity.certificate],
  chain: [identity.certificate],
})

export const chainOfSvid = (identity: TestIdentity) => ({
  signer: nodeSigner(identity.key),
  chain: [identity.certificate, agents.certificate],
})

export const TEMPLATE = '/{tenant}/{agent}'
export const ALICE = 'spiffe://example.org/acme/alice'
export const subject = (kind: Parameters<typeof subjectOf>[0], value: string): Subject =>
  subjectOf(kind, value, nodeCrypto)

export const snapshot = (epoch: number, changes: Partial<FeedLine> = {}): FeedLine => ({
  kind: 'snapshot',
  feedId: 'feed-1',
  instance: 'one',
  epoch,
  prev: 0,
  asOf: AT,
  deaths: [],
  rebirths: [],
  template: TEMPLATE,
  ...changes,
})

export const delta = (prev: number, epoch: number, changes: Partial<FeedLine> = {}): FeedLine => {
  const { template: _, ...line } = snapshot(epoch)
  return { ...line, kind: 'delta', prev, ...changes }
}

export const dead = (
  kind: Parameters<typeof subjectOf>[0],
  value: string,
  through = 1,
  until: number | null = null,
) => ({
  subject: subject(kind, value),
  through,
  until,
})

export const credential = (changes: Partial<Credential> = {}): Credential => ({
  id: ALICE,
  tenant: 'acme',
  incarnation: 1,
  lineage: 'ab'.repeat(16),
  keyThumbprint: 'k'.repeat(43),
  issuerKeyId: 'cd'.repeat(20),
  ...changes,
})

export const ack: Ack = {
  point: POINT,
  feedId: 'feed-1',
  epoch: 7,
  appliedAt: AT + 40,
  cut: 3,
  lastAccept: AT + 20,
  offsetMs: -2.5,
  uncertaintyMs: 0.75,
}

export const receiptPoint = (changes: Partial<ReceiptPoint> = {}): ReceiptPoint => ({
  point: POINT,
  spiffeId: 'spiffe://example.org/acme/point',
  outcome: 'applied',
  appliedAt: ack.appliedAt,
  offsetMs: ack.offsetMs,
  uncertaintyMs: ack.uncertaintyMs,
  cut: ack.cut,
  lastAccept: ack.lastAccept,
  failsClosedBy: null,
  ack: null,
  ...changes,
})

export const receipt = (changes: Partial<Receipt> = {}): Receipt => ({
  trustDomain: 'example.org',
  incident: 'inc-00000001',
  tenant: 'acme',
  target: { kind: 'agent', value: 'acme/alice' },
  scope: 'agent',
  reason: 'it wrote to a bank',
  openedBy: 'api-key:k1',
  feedId: 'feed-1',
  epoch: 7,
  commit: { sent: AT, acknowledged: AT + 4 },
  closedAt: AT + 500,
  points: [],
  revoked: 1,
  cut: 3,
  lastAccept: AT + 20,
  unguardedUntil: AT + 300_000,
  ...changes,
})

/** Any header and payload, signed by this key with the algorithm of P-256. */
export function forge(header: unknown, payload: unknown, key: KeyObject): string {
  const input = `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(payload))}`
  return `${input}.${base64Url(rawSignature(nodeSigner(key).algorithm, key, Buffer.from(input)))}`
}

export const x5cOf = (...identities: readonly TestIdentity[]): readonly string[] =>
  identities.map(({ certificate }) => Buffer.from(certificate.der).toString('base64'))
