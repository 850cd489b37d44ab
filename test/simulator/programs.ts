import { generateKeyPairSync } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import {
  type AgentKey,
  type AgentState,
  type ApiKeyCaller,
  type ApiKeyState,
  type Caller,
  type CertificateCaller,
  type CertificateState,
  type CredentialTarget,
  exclusive,
  exclusiveAll,
  killAgent,
  killCredential,
  killTenant,
  type LineageState,
  type Locks,
  type ManagerCaller,
  openLineage,
  type Rows,
  reinstateAgent,
  reinstateTenant,
  requireStanding,
  type Step,
  type Subject,
  shared,
  type TenantState,
  type TokenCaller,
  updateAgent,
  validity,
} from '@lanyard/authority'
import { parsePublicKey, toHex } from '@lanyard/protocol'
import { requireMintable } from '../../packages/authority/src/federation/gate.ts'
import { check, type Grant, redeem } from '../../packages/authority/src/issue/check.ts'
import { recordIssue, type Signed } from '../../packages/authority/src/issue/record.ts'
import { Act } from './act.ts'
import type { Database } from './database.ts'
import { ask, type RowFaults, simulatedRows } from './rows.ts'

/** What programs of the authority can be made to do wrong. */
export interface AuthorityFaults extends RowFaults {
  /** Records what was granted before, and asks nobody inside the transaction. */
  readonly gateOutside?: boolean
  /** Asks inside, and takes no locks. */
  readonly noLocks?: boolean
  /** A reinstated agent keeps its incarnation. */
  readonly rebirthRevives?: boolean
  /** Asks before the transaction whether the caller's credential counts, and nobody inside. */
  readonly standingOutside?: boolean
  /** Asks before the transaction whether a provider vouches for the tenant, and nobody inside. */
  readonly federationOutside?: boolean
}

/** Runs acts one after the other; the next one begins when the one before was committed or refused. */
export type Program<T = unknown> = Generator<Act<unknown>, T, void>

/** Where programs run. */
export interface Site {
  readonly database: Database
  readonly rows: Rows
  readonly faults: AuthorityFaults
  /** Unix milliseconds, by the clock of the instance. */
  readonly now: () => number
}

export const siteOf = (database: Database, now: () => number, faults: AuthorityFaults = {}): Site => ({
  database,
  rows: simulatedRows(faults),
  faults,
  now,
})

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** Of a kind that every policy allows; which one it is stands in thumbprints alone. */
export const KEY = parsePublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })))
export const OPERATOR: ApiKeyCaller = {
  kind: 'api-key',
  id: 'operator',
  name: 'operator',
  role: 'admin',
  permissions: new Set([
    ...(['agent.kill', 'tenant.kill', 'agent.bootstrap', 'apikey.manage'] as const),
    ...(['idp.manage', 'secret.revoke', 'access.manage'] as const),
  ]),
  tenant: null,
  agents: null,
  rateLimit: null,
  bounded: false,
  expiresAt: Number.MAX_SAFE_INTEGER,
}
const actOf = <C extends Caller>(caller: C, at: number) => ({ caller, at, source: null, correlation: null })
export const operator = (at: number) => actOf(OPERATOR, at)

/** Runs one act to its end and gives its result, or undefined when it was refused, or no answer came. */
export function* run<T>(act: Act<T>): Program<T | undefined> {
  yield act
  return act.state === 'committed' && !act.unanswered ? act.result : undefined
}

/** One act that writes, under its locks unless they are planted to be missing. */
export function* write<T>(site: Site, name: string, locks: Locks, step: () => Step<T>) {
  return yield* run(new Act(site.database, name, site.faults.noLocks ? shared() : locks, step))
}

/** What a caller does, with the tables to do it on. */
type Deed<C, T> = (rows: Rows, told: ReturnType<typeof actOf<C & Caller>>) => Step<T>

/** One act of a caller whose credential counts inside of it, unless it is planted that this is asked before alone. */
export function* act<C extends Caller, T>(
  site: Site,
  name: string,
  locks: Locks,
  caller: C,
  deed: Deed<C, T>,
): Program<T | undefined> {
  const { rows, now, faults } = site
  const stands = () => requireStanding(rows, actOf(caller, now()))
  if (faults.standingOutside && !(yield* holds(site, `${name} stands`, stands))) return undefined
  function* step() {
    const told = actOf(caller, now())
    if (!faults.standingOutside) yield* requireStanding(rows, told)
    return yield* deed(rows, told)
  }
  return yield* write(site, name, locks, step)
}

/** The same for what opens a lineage of ours. */
export function* mint<C extends Caller, T>(
  site: Site,
  name: string,
  caller: C,
  { tenant }: Pick<AgentKey, 'tenant'>,
  deed: Deed<C, T>,
): Program<T | undefined> {
  const { rows, faults } = site
  if (!faults.federationOutside) return yield* act(site, name, shared(tenant), caller, deed)
  if (!(yield* holds(site, `${name} asks`, () => requireMintable(rows, tenant)))) return undefined
  const idps = { ...rows.idps, federates: () => ask('nobody', () => false) }
  return yield* act({ ...site, rows: { ...rows, idps } }, name, shared(tenant), caller, deed)
}

/** Whether a question of what is committed is refused by nobody. */
function* holds(site: Site, name: string, step: () => Step<void>): Program<boolean> {
  const question = new Act(site.database, name, null, step)
  yield question
  return question.state === 'committed'
}

/** How an agent asks: the credential, its new key, and the names that dice would give. */
export interface Asked {
  readonly caller: TokenCaller | CertificateCaller
  readonly keyThumbprint: string
  readonly serial: string
  readonly issuerKeyId: string
}

/** A request for a certificate, as the pipeline answers it; undefined where it was refused. */
export function* issue(site: Site, name: string, asked: Asked): Program<CertificateState | undefined> {
  const { caller, keyThumbprint, serial, issuerKeyId } = asked
  const { rows, database } = site
  const subject = yield* run(new Act(database, `${name} looks`, null, () => rows.lineages.subject(caller.lineage)))
  if (subject === undefined) return undefined
  const grant = granted({ subject, caller, opens: false, key: KEY, keyThumbprint, dnsNames: [], at: site.now() })
  if (grant === null) return undefined
  const signed: Signed = { grant, issuerKeyId, serial, ...validity(grant.at, grant.ttlSec) }
  const step = () => record(site)(rows, signed, actOf(caller, site.now()))
  const refused = yield* write(site, `${name} records`, shared(caller.tenant), step)
  return refused === null ? (database.committed(`certificates/${serial}`) as CertificateState) : undefined
}

/** What the check before the signature grants; null for what it refuses. */
export function granted(asked: Omit<Grant, 'tier' | 'ttlSec'>): Grant | null {
  try {
    return redeem(check({ ...asked, ttlSec: undefined, dnsSuffixes: [] }))
  } catch (error) {
    if (!(error instanceof LanyardError)) throw error
    return null
  }
}

/** The step that records a certificate, or the one that is planted in its place. */
export const record = ({ faults }: Site) => (faults.gateOutside ? recordUnasked : recordIssue)

/** What recording would be if the check before the signature were enough. */
function* recordUnasked(rows: Rows, { grant, ...signed }: Signed): Step<null> {
  const { agent, lineage } = grant.subject
  const { generation } = lineage
  if (grant.opens) yield* rows.lineages.insert(lineage)
  yield* rows.certificates.insert({
    ...{ ...signed, tenant: agent.tenant, agent: agent.agent, spiffeId: agent.spiffeId, tier: grant.tier },
    ...{ issuedAt: grant.at, lineage: lineage.id, generation: generation + 1, parent: null, mintedBy: '' },
    ...{ incarnation: grant.caller.incarnation, keyThumbprint: grant.keyThumbprint },
    ...{ revokedAt: null, revokedReason: null, source: null, correlation: null },
  })
  return null
}

/** A bootstrap: the lineage that it opened. */
export function* bootstrap(
  site: Site,
  name: string,
  key: AgentKey,
  lineage: string,
  caller: ManagerCaller = OPERATOR,
): Program<LineageState | undefined> {
  const fresh = { lineage, jti: `jti-${lineage}` }
  const opened = yield* mint(site, name, caller, key, (rows, told) => openLineage(rows, key, fresh, 2_592_000, told))
  return opened?.lineage
}

const request = (incident: string) => ({ incident, asked: incident, reason: 'a test', evidence: null })

export function* kill(site: Site, name: string, key: AgentKey): Program<{ epoch: number } | undefined> {
  const step = () => killAgent(site.rows, key, 'agent', request(name), operator(site.now()))
  return yield* write(site, name, exclusive(key.tenant), step)
}

export function* killOne(
  site: Site,
  name: string,
  tenant: string,
  target: CredentialTarget,
): Program<{ epoch: number } | undefined> {
  const step = () => killCredential(site.rows, target, request(name), operator(site.now()))
  const wide = target.kind === 'key' || target.kind === 'minted_by'
  return yield* write(site, name, wide ? exclusiveAll : exclusive(tenant), step)
}

/** A change that has nothing to do with life and death, and writes the agent anew. */
export function* describe(site: Site, name: string, key: AgentKey): Program<unknown> {
  const step = () => updateAgent(site.rows, key, { description: 'another' }, operator(site.now()))
  return yield* write(site, name, exclusive(key.tenant), step)
}

export function* killAll(site: Site, name: string, tenant: string): Program<{ epoch: number } | undefined> {
  const step = () => killTenant(site.rows, tenant, request(name), operator(site.now()))
  return yield* write(site, name, exclusive(tenant), step)
}

export function* reinstate(site: Site, name: string, key: AgentKey): Program<unknown> {
  const step = () => (site.faults.rebirthRevives ? revive : reinstateAgent)(site.rows, key, 'r', operator(site.now()))
  return yield* write<unknown>(site, name, exclusive(key.tenant), step)
}

/** What a reinstatement would be that only takes back the kill. */
function* revive(rows: Rows, key: AgentKey): Step<AgentState> {
  const agent = (yield* rows.agents.find(key))!
  const after: AgentState = { ...agent, lifecycle: 'active', deadThrough: agent.incarnation - 1 }
  yield* rows.agents.update(after)
  return after
}

export function* reinstateAll(site: Site, name: string, tenant: string): Program<unknown> {
  const step = () => reinstateTenant(site.rows, tenant, 'r', operator(site.now()))
  return yield* write(site, name, exclusive(tenant), step)
}

/** The row of the key that all operators share. */
export const operatorKey: ApiKeyState = {
  ...{
    id: OPERATOR.id,
    name: OPERATOR.name,
    role: OPERATOR.role,
    tenant: null,
    agents: null,
    hash: new Uint8Array(0),
  },
  ...{
    createdBy: 'server',
    createdAt: 0,
    expiresAt: OPERATOR.expiresAt,
    rateLimit: null,
    bounded: false,
    revokedAt: null,
  },
}

export const tenantState = (tenant: string): TenantState => ({
  ...{ tenant, keyPolicy: 'modern', renewalGraceSec: 3600 },
  ...{ incarnation: 1, deadThrough: 0, createdAt: 0, updatedAt: 0 },
})

export const agentState = (key: AgentKey, tier: AgentState['tier'] = 'restricted'): AgentState => ({
  ...key,
  spiffeId: `spiffe://example.org/${key.tenant}/${key.agent}`,
  ...{
    tier,
    lifecycle: 'active',
    provenance: 'internal',
    externalSubject: null,
    owner: '',
    description: '',
    labels: {},
  },
  ...{ incarnation: 1, deadThrough: 0, createdAt: 0, updatedAt: 0 },
})

/** An agent with the token of a bootstrap. */
export const tokenCaller = ({ lineage, agent }: Pick<Subject, 'lineage' | 'agent'>): TokenCaller => ({
  ...{ kind: 'agent-token', permissions: new Set(), tenant: agent.tenant, agent: agent.agent },
  ...{ spiffeId: agent.spiffeId, lineage: lineage.id, incarnation: lineage.incarnation, jti: lineage.jti, jkt: null },
  expiresAt: lineage.openedAt + 900_000,
})

/** An agent with a certificate. */
export const certificateCaller = (one: CertificateState): CertificateCaller => ({
  ...{ kind: 'agent-certificate', permissions: new Set(), tenant: one.tenant, agent: one.agent },
  ...{ spiffeId: one.spiffeId, lineage: one.lineage, incarnation: one.incarnation, issuerKeyId: one.issuerKeyId },
  ...{ serial: one.serial, keyThumbprint: one.keyThumbprint, expiresAt: (one.notAfter + 1) * 1000 },
})

/** 32 hex digits that stand for a number. */
export const hexOf = (number: number): string => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(12, number)
  return toHex(bytes)
}
