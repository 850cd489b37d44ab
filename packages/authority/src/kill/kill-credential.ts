import { LanyardError } from '@lanyard/api'
import { type ManagerAct, maySee, requirePermission } from '../caller.ts'
import { eventOf } from '../event.ts'
import { findIdpToTake } from '../federation/take.ts'
import { isId } from '../names.ts'
import { takeNode, takeWorkloads } from '../nodes/ends.ts'
import type { LineageState, Rows, Step } from '../ports.ts'
import { takeSecret } from '../secrets/take.ts'
import { keyDeath } from './deaths.ts'
import { type Killed, type KillRequest, openIncident, repeated } from './incident.ts'
import { takeApiKey, takeIssuer, takePrincipal } from './made.ts'
import { takeLineages, takeLinked } from './take.ts'
import { Toll } from './toll.ts'
import { mayEnd } from './widen.ts'

/** What is killed by what it stands for. `minted_by`: what mints, as `<kind>:<id>`. */
export interface CredentialTarget {
  readonly kind: 'serial' | 'key' | 'lineage' | 'minted_by'
  readonly value: string
}

/** What a target was found to be: whose, and how it is taken. */
interface Found {
  readonly tenant: string | null
  readonly agent: string | null
  take(toll: Toll): Step<unknown>
}

/**
 * Kills what one certificate, key, lineage or minting credential stands for, as far as the caller may see it. Agents
 * lose these lineages, and not their lifecycle. Throws `not_found`, `permission_missing`, `incident_conflict`.
 */
export function* killCredential(
  rows: Rows,
  target: CredentialTarget,
  request: KillRequest,
  act: ManagerAct,
): Step<Killed> {
  const before = yield* repeated(rows, request, act)
  if (before) return before
  const found = yield* find(rows, target, request.reason, act)
  const toll = new Toll()
  yield* found.take(toll)
  const { kind, value } = target
  const { reason } = request
  const detail = { kind, value, reason, revoked: toll.revoked, lineages: toll.lineages }
  yield* rows.events.append(eventOf(act, 'credential.killed', found, detail))
  const opening = { tenant: found.tenant, target, scope: 'agent', ttlUntil: null } as const
  return yield* openIncident(rows, toll, opening, request, act)
}

function find(rows: Rows, target: CredentialTarget, reason: string, act: ManagerAct): Step<Found> {
  switch (target.kind) {
    case 'serial':
      return bySerial(rows, target.value, reason, act)
    case 'lineage':
      return byLineage(rows, target.value, reason, act)
    case 'key':
      return byKey(rows, target.value, reason, act)
    case 'minted_by':
      return byMinter(rows, target.value, reason, act)
    default:
      throw new TypeError(`no such target: ${String(target.kind satisfies never)}`)
  }
}

const unseen = (what: string) => new LanyardError('not_found', `there is no such ${what}`)

function* bySerial(rows: Rows, serial: string, reason: string, act: ManagerAct): Step<Found> {
  const certificate = yield* rows.certificates.findBySerial(serial, act.caller.tenant)
  if (!certificate) throw unseen('certificate')
  return yield* byLineage(rows, certificate.lineage, reason, act)
}

function* byLineage(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  const lineage = (yield* rows.lineages.subject(id))?.lineage
  if (!lineage || (act.caller.tenant !== null && act.caller.tenant !== lineage.tenant)) throw unseen('lineage')
  return { ...ownerOf(lineage), take: toll => takeOne(rows, toll, lineage, reason, act) }
}

const ownerOf = ({ tenant, agent }: LineageState) => ({ tenant, agent })

function* takeOne(rows: Rows, toll: Toll, lineage: LineageState, reason: string, act: ManagerAct): Step<void> {
  yield* takeLineages(rows, toll, [lineage], reason, act)
  toll.tookAgent(lineage)
}

// A key is dead in every tenant, so whoever sees one tenant alone must show that the key is in use there: its holder
// proved the private half, and whoever else uses it shares it. A token that is bound to the key shows nothing: anybody
// can have one made for the key of another.
function* byKey(rows: Rows, thumbprint: string, reason: string, act: ManagerAct): Step<Found> {
  const { tenant } = act.caller
  const held = { keyThumbprint: thumbprint, bound: false }
  const nodes = yield* rows.nodes.withKey(thumbprint, tenant)
  const isUsed = nodes.length > 0 || tenant === null || (yield* rows.lineages.linked(held, tenant, 1)).length > 0
  if (!isUsed) throw unseen('key')
  const link = { by: { keyThumbprint: thumbprint, bound: true }, tenant }
  return {
    tenant,
    agent: null,
    *take(toll) {
      yield* takeLinked(rows, toll, link, reason, act)
      // Whoever has the key of a node has what the node got. The node itself is out by the death of its key.
      for (const node of nodes) yield* takeWorkloads(rows, toll, node, reason, act)
      toll.died(keyDeath(thumbprint))
    },
  }
}

function byMinter(rows: Rows, minter: string, reason: string, act: ManagerAct): Step<Found> {
  const colon = minter.indexOf(':')
  const id = minter.slice(colon + 1)
  switch (minter.slice(0, colon)) {
    case 'api-key':
      return byApiKey(rows, id, reason, act)
    case 'agent-token':
      return byToken(rows, id, reason, act)
    case 'agent-secret':
      return bySecret(rows, id, reason, act)
    case 'node':
      return byNode(rows, id, reason, act)
    case 'idp':
      return byIdp(rows, id, reason, act)
    case 'issuer':
      return byIssuer(rows, id, reason, act)
    case 'principal':
      return byPrincipal(rows, id, reason, act)
    default:
      throw unseen('credential that mints')
  }
}

function* byApiKey(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  const { tenant } = act.caller
  const key = yield* rows.apiKeys.find(id)
  if (!key || (tenant !== null && tenant !== key.tenant)) throw unseen('API key')
  if (!(yield* mayEnd(rows, act, key))) {
    const detail = `expected a key that may do all that ${id} may, or manage keys`
    throw new LanyardError('permission_missing', detail, { permission: 'apikey.manage' })
  }
  return { tenant: key.tenant, agent: null, take: toll => takeApiKey(rows, toll, id, reason, act) }
}

/** A node is banned with what it minted, as an API key ends with that: it would have it minted again at once. */
function* byNode(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  const node = yield* rows.nodes.find(id)
  if (!node || (act.caller.tenant !== null && act.caller.tenant !== node.tenant)) throw unseen('node')
  requirePermission(act.caller, 'node.manage')
  return { tenant: node.tenant, agent: null, take: toll => takeNode(rows, toll, node, reason, act) }
}

function* byIdp(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  return { ...(yield* findIdpToTake(rows, id, reason, act)), agent: null }
}

/** An issuer of people and programs, also one that was deleted: what they made is still here. */
function* byIssuer(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  const issuer = yield* rows.trust.find(id)
  if (issuer?.kind !== 'issuer' || !maySee(act.caller, issuer.tenant)) throw unseen('issuer')
  requirePermission(act.caller, 'access.manage')
  return { tenant: issuer.tenant, agent: null, take: toll => takeIssuer(rows, toll, id, reason, act) }
}

/** Also one that was never here: who was found out elsewhere shall not come first. */
function* byPrincipal(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  if (!isId(id)) throw unseen('principal')
  requirePermission(act.caller, 'access.manage')
  return { tenant: act.caller.tenant, agent: null, take: toll => takePrincipal(rows, toll, id, reason, act) }
}

/** A secret ends with what it minted, and with those that it was exchanged for: whoever stole it may have done that. */
function* bySecret(rows: Rows, id: string, reason: string, act: ManagerAct): Step<Found> {
  const secret = yield* rows.secrets.find(id)
  if (!secret || !maySee(act.caller, secret.tenant)) throw unseen('secret')
  requirePermission(act.caller, 'secret.revoke')
  const { tenant, agent } = secret
  return { tenant, agent, take: toll => takeSecret(rows, toll, secret, reason, act) }
}

function* byToken(rows: Rows, jti: string, reason: string, act: ManagerAct): Step<Found> {
  const link = { by: { jti }, tenant: act.caller.tenant }
  const [lineage] = yield* rows.lineages.linked(link.by, link.tenant, 1)
  if (!lineage) throw unseen('token with a lineage that goes on')
  return { ...ownerOf(lineage), take: toll => takeLinked(rows, toll, link, reason, act) }
}
