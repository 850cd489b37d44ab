import {
  type AckState,
  type AgentState,
  type ApiKeyState,
  type CertificateState,
  type EntryState,
  type IncidentState,
  type LineageState,
  type Listed,
  type NewEvent,
  type NodeState,
  type Page,
  type PointState,
  type ServiceState,
  type Step,
  shared,
  type TenantState,
} from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'

/** The time of samples, Unix ms. */
export const NOW = Date.UTC(2026, 10, 21, 12)

/** 32 hex digits that tell which sample they are of. */
export const idOf = (number: number): string => number.toString(16).padStart(32, '0')

/** The thumbprint of a key that tells which sample it is of. */
export const thumbprint = (number: number): string => Buffer.from(idOf(number).repeat(2), 'hex').toString('base64url')

export const ISSUER = 'a1'.repeat(20)

export const tenant = (changes: Partial<TenantState> = {}): TenantState => ({
  tenant: 'acme',
  keyPolicy: 'rsa-only',
  renewalGraceSec: 3600,
  incarnation: 1,
  deadThrough: 0,
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

export const agent = (changes: Partial<AgentState> = {}): AgentState => ({
  tenant: 'acme',
  agent: 'invoice',
  spiffeId: `spiffe://example.org/${changes.tenant ?? 'acme'}/${changes.agent ?? 'invoice'}`,
  tier: 'silver',
  lifecycle: 'pending',
  provenance: 'internal',
  externalSubject: null,
  owner: 'Accounts',
  description: 'Reads invoices — and nothing else',
  labels: { team: 'accounts', größe: '3' },
  incarnation: 1,
  deadThrough: 0,
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

export const lineage = (changes: Partial<LineageState> = {}): LineageState => ({
  id: idOf(1),
  tenant: 'acme',
  agent: 'invoice',
  incarnation: 1,
  openedAt: NOW,
  endsAt: NOW + 30 * 86_400_000,
  mintedBy: 'api-key:k1',
  jti: idOf(0x1111),
  jkt: null,
  standing: 'open',
  generation: 0,
  newestKey: null,
  ...changes,
})

/** The first certificate of the sample lineage, alive at NOW; `number` is its serial. */
export const certificate = (number: number, changes: Partial<CertificateState> = {}): CertificateState => ({
  issuerKeyId: ISSUER,
  serial: idOf(number),
  tenant: 'acme',
  agent: 'invoice',
  spiffeId: `spiffe://example.org/${changes.tenant ?? 'acme'}/${changes.agent ?? 'invoice'}`,
  tier: 'silver',
  notBefore: Math.floor((changes.issuedAt ?? NOW) / 1000) - 10,
  notAfter: Math.floor((changes.issuedAt ?? NOW) / 1000) + 299,
  issuedAt: NOW,
  lineage: idOf(1),
  generation: 1,
  parent: null,
  mintedBy: `agent-token:${idOf(0x1111)}`,
  incarnation: 1,
  keyThumbprint: thumbprint(number),
  revokedAt: null,
  revokedReason: null,
  source: '192.0.2.7',
  correlation: `request-${number}`,
  ...changes,
})

export const apiKey = (changes: Partial<ApiKeyState> = {}): ApiKeyState => ({
  id: 'k1',
  name: 'deployer',
  role: 'operator',
  tenant: null,
  agents: null,
  hash: new Uint8Array(32).fill(7),
  createdBy: 'server',
  createdAt: NOW,
  expiresAt: NOW + 86_400_000,
  rateLimit: null,
  bounded: false,
  revokedAt: null,
  ...changes,
})

export const event = (changes: Partial<NewEvent> = {}): NewEvent => ({
  at: NOW,
  type: 'agent.created',
  outcome: 'ok',
  tenant: 'acme',
  agent: 'invoice',
  actor: 'api-key:k1',
  source: '192.0.2.7',
  correlation: 'request-1',
  detail: { tier: 'silver', note: 'naïve “quotes” \u2028' },
  ...changes,
})

export const incident = (changes: Partial<IncidentState> = {}): IncidentState => ({
  id: 'incident-1',
  tenant: 'acme',
  target: { kind: 'agent', tenant: 'acme', agent: 'invoice' },
  scope: 'api-key',
  reason: 'its key was found in a paste — twice',
  openedBy: 'api-key:k1',
  asked: 'ab'.repeat(32),
  at: NOW,
  committedAt: null,
  epoch: 7,
  state: 'open',
  closedAt: null,
  ttlUntil: NOW + 60_000,
  revoked: 2,
  unguardedUntil: NOW + 300_000,
  taken: { agents: ['acme/invoice'], lineages: [idOf(1)] },
  evidence: { rule: 'größe', calls: [1, null] },
  receipt: null,
  ...changes,
})

/** An enforcement point that tells which sample it is. */
export const point = (number: number, changes: Partial<PointState> = {}): PointState => ({
  point: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
  tenant: 'acme',
  agent: 'invoice',
  spiffeId: `spiffe://example.org/${changes.tenant ?? 'acme'}/${changes.agent ?? 'invoice'}`,
  name: `point ${number}`,
  mode: 'guarded',
  budgetMs: 3000,
  graceMs: 1000,
  enrolledAt: NOW,
  leasedUntil: NOW + 15_000,
  epoch: 3,
  asOf: null,
  offsetMs: null,
  uncertaintyMs: null,
  sessions: 0,
  ...changes,
})

/** What the sample point of this number says of an epoch. */
export const ack = (number: number, epoch: number, changes: Partial<AckState> = {}): AckState => ({
  point: point(number).point,
  epoch,
  receivedAt: NOW + 20,
  appliedAt: NOW + 10,
  cut: 4,
  lastAccept: NOW + 1,
  offsetMs: 1.25,
  uncertaintyMs: 0.5,
  jws: `jws ${number} ${epoch}`,
  ...changes,
})

export const service = (url: string, changes: Partial<ServiceState> = {}): ServiceState => ({
  tenant: 'acme',
  agent: 'invoice',
  spiffeId: `spiffe://example.org/${changes.tenant ?? 'acme'}/${changes.agent ?? 'invoice'}`,
  url,
  since: NOW,
  leasedUntil: NOW + 15_000,
  ...changes,
})

export const entry = (number: number, changes: Partial<EntryState> = {}): EntryState => ({
  id: idOf(number),
  tenant: 'acme',
  agent: 'invoice',
  spiffeId: `spiffe://example.org/${changes.tenant ?? 'acme'}/${changes.agent ?? 'invoice'}`,
  selectors: [`unix:uid:${number}`],
  parent: null,
  x509TtlSec: null,
  jwtTtlSec: 120,
  dnsNames: [],
  hint: 'größe "1"',
  federatesWith: ['other.test'],
  expiresAt: null,
  children: false,
  replicas: 1,
  revision: number,
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

/** A node that tells which sample it is. */
export const node = (number: number, changes: Partial<NodeState> = {}): NodeState => ({
  node: idOf(number),
  name: `node-${number}`,
  tenant: 'acme',
  groups: ['linux'],
  spiffeId: `spiffe://example.org/lanyard/node/${changes.tenant === null ? '' : 'acme/'}${changes.name ?? `node-${number}`}`,
  method: 'join_token',
  joinedBy: 'api-key:k1',
  keyThumbprint: thumbprint(number),
  serial: idOf(number + 0x1000),
  notAfter: Math.floor(NOW / 1000) + 3600,
  attestedAt: NOW,
  renewedAt: NOW,
  bannedAt: null,
  banReason: null,
  ...changes,
})

/** Tenant acme with agent invoice and its lineage; tenant globex with agent invoice and lineage 2. */
export async function populate({ store, rows }: OpenStore): Promise<void> {
  await store.write(function* () {
    yield* rows.tenants.insert(tenant())
    yield* rows.tenants.insert(tenant({ tenant: 'globex' }))
    yield* rows.agents.insert(agent())
    yield* rows.agents.insert(agent({ tenant: 'globex' }))
    yield* rows.lineages.insert(lineage())
    yield* rows.lineages.insert(lineage({ id: idOf(2), tenant: 'globex', jti: idOf(0x2222) }))
  }, shared())
}

/** Writes certificates in one group each. */
export async function record({ store, rows }: OpenStore, ...certificates: CertificateState[]): Promise<void> {
  for (const certificate of certificates) await store.write(() => rows.certificates.insert(certificate), shared())
}

/** All items of a list, by pages of `limit`. */
export async function walk<T>(
  { store }: OpenStore,
  list: (page: Page) => Step<Listed<T>>,
  limit: number,
): Promise<T[]> {
  const items: T[] = []
  let after: string | null = null
  do {
    const page: Listed<T> = await store.read(() => list({ limit, after }))
    items.push(...page.items)
    after = page.next
  } while (after !== null)
  return items
}
