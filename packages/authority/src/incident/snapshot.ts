import { permissionsOf } from '@lanyard/api'
import { permissionsOfRole } from '../access/roles.ts'
import { targetText } from '../kill/incident.ts'
import { apiKeyOf } from '../kill/widen.ts'
import type { AgentState, CertificateState, IncidentState, LineageState, Rows, Step } from '../ports.ts'
import { isoTime } from '../time.ts'
import type { PointStanding } from './standings.ts'

/** How much of each kind a snapshot holds. */
const CAPS = { agents: 20, certificates: 50, lineages: 50, minters: 20, minted: 50, peers: 500 } as const

type Json = Readonly<Record<string, unknown>>

/** What is known of a kill when it has happened: the blast radius, for whoever investigates. */
export interface SnapshotContent {
  readonly incident: Json
  /** What the caller sent, redacted. */
  readonly evidence: unknown
  readonly agents: readonly Json[]
  readonly lineages: readonly Json[]
  /** By each credential that minted one of the lineages: what else it minted that goes on. */
  readonly minted_by_same: readonly Json[]
  /** Enforcement points that the killed were connected to or had called; null until they have answered. */
  readonly peers: readonly Json[] | null
}

/** Gathers the snapshot of an incident. Only reads. */
export function* gatherSnapshot(rows: Rows, incident: IncidentState, evidence: unknown): Step<SnapshotContent> {
  const agents: Json[] = []
  for (const name of incident.taken.agents.slice(0, CAPS.agents)) {
    const [tenant, agent] = name.split('/') as [string, string]
    const state = yield* rows.agents.find({ tenant, agent })
    if (state) agents.push(yield* agentOf(rows, state, incident))
  }
  const lineages: LineageState[] = []
  for (const id of incident.taken.lineages.slice(0, CAPS.lineages)) {
    const subject = yield* rows.lineages.subject(id)
    if (subject) lineages.push(subject.lineage)
  }
  return {
    incident: headOf(incident),
    evidence,
    agents,
    lineages: lineages.map(lineageOf),
    minted_by_same: yield* mintedBySame(rows, lineages, incident),
    peers: null,
  }
}

/** The snapshot with what the enforcement points told in their acknowledgements. */
export function withPeers(content: SnapshotContent, standings: readonly PointStanding[], tenant: string | null) {
  const touched = standings.filter(({ ack }) => ack !== null && (ack.cut > 0 || ack.lastAccept !== null))
  const peers = touched.slice(0, CAPS.peers).map(({ point, ack }) => ({
    point: point.point,
    spiffe_id: tenant === null || tenant === point.tenant ? point.spiffeId : null,
    name: tenant === null || tenant === point.tenant ? point.name : null,
    connections_cut: ack!.cut,
    last_accept: ack!.lastAccept === null ? null : time(ack!.lastAccept),
  }))
  return { ...content, peers, peers_left_out: touched.length - peers.length }
}

const time = (at: number) => isoTime(at, 'milliseconds')

function headOf(incident: IncidentState): Json {
  const { id, tenant, target, scope, reason, openedBy, at, epoch, revoked, taken } = incident
  return {
    ...{ incident: id, tenant, scope, reason, epoch, revoked },
    target: { kind: target.kind, value: targetText(target) },
    opened_by: openedBy,
    at: time(at),
    taken,
  }
}

function* agentOf(rows: Rows, agent: AgentState, incident: IncidentState): Step<Json> {
  const filter = { tenant: agent.tenant, agent: agent.agent, now: incident.at }
  const { items } = yield* rows.certificates.list(filter, { limit: CAPS.certificates, after: null })
  const { tenant, spiffeId, tier, lifecycle, owner, labels, incarnation, deadThrough } = agent
  return {
    ...{ tenant, agent: agent.agent, tier, lifecycle, owner, labels, incarnation },
    spiffe_id: spiffeId,
    dead_through: deadThrough,
    permissions: [...permissionsOf('agent')].sort(),
    // Revoked by the kill: alive until then.
    alive_at_kill: items.filter(({ revokedAt }) => revokedAt === incident.at).map(certificateOf),
    renewals: items.map(renewalOf),
  }
}

const certificateOf = (certificate: CertificateState): Json => ({
  serial: certificate.serial,
  issuer_key_id: certificate.issuerKeyId,
  not_after: time(certificate.notAfter * 1000),
  lineage: certificate.lineage,
  generation: certificate.generation,
  key_thumbprint: certificate.keyThumbprint,
})

const renewalOf = (certificate: CertificateState): Json => ({
  serial: certificate.serial,
  at: time(certificate.issuedAt),
  source: certificate.source,
  minted_by: certificate.mintedBy,
  lineage: certificate.lineage,
  generation: certificate.generation,
})

const lineageOf = (lineage: LineageState): Json => ({
  lineage: lineage.id,
  tenant: lineage.tenant,
  agent: lineage.agent,
  opened_at: time(lineage.openedAt),
  minted_by: lineage.mintedBy,
  token: lineage.jti,
  generation: lineage.generation,
})

function* mintedBySame(rows: Rows, lineages: readonly LineageState[], { tenant }: IncidentState): Step<Json[]> {
  const minters = [...new Set(lineages.map(({ mintedBy }) => mintedBy))].slice(0, CAPS.minters)
  const found: Json[] = []
  for (const mintedBy of minters) {
    const others = yield* rows.lineages.linked({ mintedBy }, tenant, CAPS.minted + 1)
    found.push({
      minted_by: mintedBy,
      api_key: yield* apiKey(rows, mintedBy, tenant),
      lineages: others.slice(0, CAPS.minted).map(lineageOf),
      more: others.length > CAPS.minted,
    })
  }
  return found
}

/** What else the credential may do, where it is the tenant's own. */
function* apiKey(rows: Rows, mintedBy: string, tenant: string | null): Step<Json | null> {
  const id = apiKeyOf(mintedBy)
  const key = id === null ? undefined : yield* rows.apiKeys.find(id)
  if (!key || (tenant !== null && tenant !== key.tenant)) return null
  const { name, role, agents, revokedAt } = key
  return {
    ...{ id: key.id, name, role, agents },
    permissions: [...(yield* permissionsOfRole(rows, role, key.tenant))].sort(),
    expires_at: time(key.expiresAt),
    revoked_at: revokedAt === null ? null : time(revokedAt),
  }
}
