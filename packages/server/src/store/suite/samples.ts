import {
  type AgentState,
  type ApiKeyState,
  type CertificateState,
  type LineageState,
  type Listed,
  type NewEvent,
  type Page,
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
