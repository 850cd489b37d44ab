import type { RouteId } from '@lanyard/api'
import { generateKeyNow } from '@lanyard/protocol/node'
import { csrOf, type HttpHarness } from '../../packages/server/src/testing/http.ts'
import { joinToken } from '../../packages/server/src/testing/nodes.ts'

/** The agent that everybody wants an identity of, and one for what would end it. */
export const INVOICE = { tenant: 'acme', agent: 'invoice' }
export const SPARE = { tenant: 'acme', agent: 'spare' }

/** Where it is tried. */
interface Stage {
  readonly server: () => HttpHarness
  /** Id of an entry of the agent. */
  readonly entry: () => string
}

export const newCsr = () => csrOf(generateKeyNow('P-256'))

type Body = object | (() => Promise<object>)
let made = 0

/** What each route is asked with, so that it would mint if it could. A route that takes no body needs no line. */
export const bodiesOf = ({ server, entry }: Stage): Partial<Record<RouteId, Body>> => ({
  bootstrapAgent: INVOICE,
  federatedBootstrap: {},
  openSession: INVOICE,
  issueCert: async () => ({ csr: await newCsr() }),
  revokeCert: { ...SPARE, reason: 'test' },
  createTenant: { tenant: 'acme' },
  updateTenant: { renewal_grace_sec: 3600 },
  updateAdmission: { on_federation: 'drain', agent_mtls_required: false },
  createIdp: async () => ({ issuer: `https://idp-${++made}.test`, audiences: ['a'] }),
  updateIdp: { max_token_age_sec: 600 },
  testIdp: { token: 'none' },
  createAgent: async () => ({ tenant: 'acme', agent: `new-${++made}` }),
  updateAgent: { owner: 'me' },
  reinstateAgent: { reason: 'test' },
  revokeSecret: { reason: 'test' },
  killAgent: { reason: 'test' },
  killTenant: { reason: 'test' },
  reinstateTenant: { reason: 'test' },
  killCredential: { serial: '0'.repeat(32), reason: 'test' },
  evictInstance: { reason: 'test' },
  enrolPoint: {
    ...{ point: '00000000-0000-4000-8000-000000000000', mode: 'guarded', budget_ms: 3000, grace_ms: 1000 },
    ...{ epoch: 0, sessions: 0, as_of: null, offset_ms: null, uncertainty_ms: null },
  },
  acknowledge: { ack: 'e30.e30.AAAA' },
  announceService: { url: 'https://localhost:8443' },
  createEntry: async () => ({ ...INVOICE, selectors: [`unix:uid:${++made}`] }),
  createEntries: async () => ({ entries: [{ ...INVOICE, selectors: [`unix:uid:${++made}`] }] }),
  updateEntry: { hint: 'h' },
  createJoinToken: async () => ({ name: `n-${++made}`, tenant: 'acme' }),
  challengeNode: { method: 'x509pop', certificates: 'none' },
  attestNode: async () => ({
    ...{ method: 'join_token', csr: await newCsr() },
    token: await joinToken(server(), { name: `m-${++made}`, tenant: 'acme' }),
  }),
  updateNode: { groups: [] },
  banNode: { reason: 'test' },
  issueWorkloadCert: async () => ({ entry: entry(), csr: await newCsr() }),
  issueJwtSvid: async () => ({ entry: entry(), audience: ['billing'] }),
  issueWitSvid: async () => ({ entry: entry(), csr: await newCsr() }),
  reportSignals: { signals: [] },
  setBundle: { trust_domain: 'other.test', bundle: '{"keys":[]}' },
  createApiKey: async () => ({ name: `k${++made}`, role: 'issuer', tenant: 'acme' }),
  createRole: async () => ({ role: `r${++made}`, tenant: 'acme', permissions: ['agent.bootstrap'] }),
  updateRole: { description: 'd' },
  createBinding: async () => ({ kind: 'certificate', value: `dn:CN=${++made}`, role: 'issuer', tenant: 'acme' }),
  createIssuer: async () => ({ issuer: `https://i${++made}.test`, tenant: 'acme', audiences: ['a'] }),
  updateIssuer: { enabled: false },
  explainAccess: { who: { kind: 'certificate', value: 'dn:CN=x' }, action: 'bootstrapAgent', tenant: 'acme' },
  savePolicies: { tenant: 'acme', policies: 'permit (principal, action, resource);' },
  activatePolicies: { tenant: 'acme' },
  rollBackPolicies: { tenant: 'acme' },
  shadowPolicies: { tenant: 'acme', on: true },
  explainPolicies: {
    ...{ tenant: 'acme', principal: 'Lanyard::User::"x"', action: 'bootstrapAgent' },
    resource: 'Lanyard::Tenant::"acme"',
  },
  evaluate: {
    subject: { type: 'User', id: 'x' },
    action: { name: 'bootstrapAgent' },
    resource: { type: 'Tenant', id: 'acme' },
  },
  evaluateMany: { evaluations: [] },
})

/** Done to an agent that nothing else is tried with, so that it does not become too dead to be minted for. */
export const ENDING: ReadonlySet<RouteId> = new Set(['retireAgent', 'killAgent', 'revokeCert', 'revokeSecret'])
/** Nothing else can be tried after it. Of these the tenant's is, at the end. */
export const LAST: Partial<Record<RouteId, string>> = {
  killTenant: 'tried at the end',
  reinstateTenant: 'tried at the end',
  evictInstance: 'ends the only instance',
  deleteEntry: 'ends what nodes are asked for',
  banNode: 'ends whom they would be asked by',
  removeNode: 'ends whom they would be asked by',
}
/** Where a provider is taken away we may mint again: that needs `idp.manage`, and is told by an event. */
export const TAKES_AWAY: ReadonlySet<RouteId> = new Set(['deleteIdp'])

/** Commands that mint, and what they are asked with. */
export const MINTING: Record<string, readonly string[]> = {
  'agent token': ['acme', 'invoice'],
  'agent secret create': ['acme', 'invoice'],
  'agent secret rotate': ['acme', 'invoice'],
  'agent session': ['acme', 'invoice'],
  'cert request': ['--tenant', 'acme', '--agent', 'invoice', '--out', 'OUT'],
}
/**
 * Commands that call no route of their own, or several, and why none of them mints for a tenant of a running authority.
 */
export const APART: Record<string, string> = {
  demo: 'has an authority of its own',
  init: 'makes an authority',
  up: 'starts an authority, of which the routes were tried',
  bootstrap: 'fetches the root',
  login: 'asks the issuer',
  logout: 'asks the issuer',
  'idp presets': 'prints what it knows',
  'entry explain': 'asks the daemon what it would give',
  run: 'asks the daemon, which asks by the routes of nodes',
  daemon: 'asks by the routes of nodes',
  'daemon status': 'asks the daemon',
  svid: 'asks the daemon',
  'policy check': 'reads files',
  'policy test': 'reads files',
  'policy show': 'lists policies',
  'policy diff': 'lists policies',
  'receipt verify': 'reads files',
  verify: 'reads files',
  inspect: 'reads files and handshakes',
  doctor: 'looks around',
}
