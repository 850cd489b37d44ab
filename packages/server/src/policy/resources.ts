import type { RouteId } from '@lanyard/api'
import {
  type AgentKey,
  broughtBy,
  type Caller,
  isId,
  maySee,
  type NodeCaller,
  type NodeState,
  type Rows,
  type Step,
} from '@lanyard/authority'
import { NAME_PATTERN } from '@lanyard/protocol'
import { type Known, ofAgent, ofNode, ofScope } from './entities.ts'

export interface ResourcePorts {
  readonly rows: Pick<
    Rows,
    | 'agents'
    | 'entries'
    | 'nodes'
    | 'apiKeys'
    | 'certificates'
    | 'lineages'
    | 'incidents'
    | 'roles'
    | 'bindings'
    | 'issuers'
  >
  readonly trustDomain: string
  readonly spiffeIdOf: (agent: AgentKey) => string
}

/** One call, as far as it says what it is about. */
export interface CallNames {
  readonly id: RouteId
  readonly caller: Caller
  /** As path, query or body name them. */
  readonly tenant: string | undefined
  readonly agent: string | undefined
  readonly params: Readonly<Record<string, string>>
  readonly query: unknown
  readonly body: unknown
}

/** What policies are asked about, and those of which tenant beside those of the trust domain. */
export interface About {
  readonly tenant: string | null
  readonly resource: Known
}

type Target =
  | { readonly kind: 'agent'; readonly key: AgentKey }
  | { readonly kind: 'spiffe-id'; readonly spiffeId: string }
  | { readonly kind: 'node'; readonly node: NodeState | NodeCaller }
  | { readonly kind: 'scope'; readonly tenant: string | null }

type Finder = (rows: ResourcePorts['rows'], call: CallNames) => Step<readonly Target[] | undefined>

const agent = (key: AgentKey): Target => ({ kind: 'agent', key: { tenant: key.tenant, agent: key.agent } })
const scope = (tenant: string | null): Target => ({ kind: 'scope', tenant })

/**
 * What a call is about, at most a hundred things, each of which must be allowed: the agents or the node that it names,
 * in whatever way; an agent or a node that acts for itself; else the tenant, or the trust domain. What the caller may
 * not see is as if it were not there: its attributes decide nothing, or the answer would tell of them.
 */
export function* resourcesOf(ports: ResourcePorts, call: CallNames): Step<readonly About[]> {
  const find = FINDERS[call.id]
  const found = (find && (yield* find(ports.rows, call))) ?? SAID[call.id]?.(call) ?? []
  const about: About[] = []
  for (const target of distinct(found.length > 0 ? found : [named(call)]))
    about.push(yield* aboutOf(ports, call, target))
  return about
}

function named({ caller, tenant, agent: name }: CallNames): Target {
  const within = tenant ?? caller.tenant
  // What is no name is refused with that by whoever acts on it.
  const isName = [within, name].every(text => text != null && NAME_PATTERN.test(text))
  if (isName) return agent({ tenant: within!, agent: name! })
  if (tenant !== undefined) return scope(tenant)
  if (isAgent(caller)) return agent(caller)
  return caller.kind === 'node-certificate' ? { kind: 'node', node: caller } : scope(within)
}

const isAgent = (caller: Caller): caller is Extract<Caller, AgentKey> => 'agent' in caller

const distinct = (targets: readonly Target[]) => [
  ...new Map(targets.map(target => [JSON.stringify(target), target])).values(),
]

function* aboutOf(ports: ResourcePorts, { caller, tenant }: CallNames, target: Target): Step<About> {
  const { rows, trustDomain, spiffeIdOf } = ports
  const own = (resource: Known): About => ({ tenant: caller.tenant, resource })
  switch (target.kind) {
    case 'agent': {
      const { key } = target
      const stranger = { ...key, spiffeId: spiffeIdOf(key) }
      if (!maySee(caller, key.tenant)) return own(ofAgent(stranger, trustDomain))
      const stored = yield* rows.agents.find(key)
      const isOwn = caller.kind === 'external-token' && caller.agent === key.agent
      const known = stored ?? (isOwn ? broughtBy(caller, spiffeIdOf, caller.issuedAt) : stranger)
      return { tenant: key.tenant, resource: ofAgent(known, trustDomain) }
    }
    case 'spiffe-id': {
      const stored = yield* rows.agents.findById(target.spiffeId)
      if (stored && maySee(caller, stored.tenant))
        return { tenant: stored.tenant, resource: ofAgent(stored, trustDomain) }
      return { tenant: tenant ?? caller.tenant, resource: ofScope(tenant ?? caller.tenant, trustDomain) }
    }
    case 'node':
      return { tenant: target.node.tenant ?? caller.tenant, resource: ofNode(target.node, trustDomain) }
    case 'scope': {
      const resource = ofScope(target.tenant, trustDomain)
      return maySee(caller, target.tenant) ? { tenant: target.tenant, resource } : own(resource)
    }
    default:
      throw new TypeError(`unknown target ${target satisfies never}`)
  }
}

/** By the name in the path, of what the caller may see; undefined: as if it were not there. */
const byId = (
  param: string,
  look: (rows: ResourcePorts['rows'], id: string, caller: Caller) => Step<Target | undefined>,
): Finder =>
  function* (rows, { params, caller }) {
    const target = yield* look(rows, params[param] ?? '', caller)
    return target && [target]
  }

const ofEntry = byId('id', function* (rows, id, caller) {
  const entry = isId(id) ? yield* rows.entries.find(id) : undefined
  return entry && maySee(caller, entry.tenant) ? agent(entry) : undefined
})

const ofNodeId = byId('node', function* (rows, id, caller) {
  const node = yield* rows.nodes.find(id)
  return node && maySee(caller, node.tenant) ? { kind: 'node', node } : undefined
})

const ofIncident = byId('incident', function* (rows, id, caller) {
  const incident = yield* rows.incidents.find(id)
  if (!incident || !maySee(caller, incident.tenant)) return undefined
  return incident.target.kind === 'agent' ? agent(incident.target) : scope(incident.tenant)
})

/** Of what has a tenant and is called by 32 hex digits. */
const scoped = (table: 'roles' | 'bindings' | 'issuers'): Finder =>
  byId('id', function* (rows, id, caller) {
    const found = isId(id) ? yield* rows[table].find(id) : undefined
    return found && maySee(caller, found.tenant) ? scope(found.tenant) : undefined
  })

const ofApiKey = byId('id', function* (rows, id, caller) {
  const key = yield* rows.apiKeys.find(id)
  return key && maySee(caller, key.tenant) ? scope(key.tenant) : undefined
})

interface NamedEntry {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly spiffe_id?: string | undefined
}

function targetOfEntry({ tenant, agent: name, spiffe_id }: NamedEntry): Target | undefined {
  if (spiffe_id !== undefined) return { kind: 'spiffe-id', spiffeId: spiffe_id }
  if (tenant === undefined || name === undefined) return undefined
  return NAME_PATTERN.test(tenant) && NAME_PATTERN.test(name) ? agent({ tenant, agent: name }) : scope(tenant)
}

const isTarget = (target: Target | undefined): target is Target => target !== undefined

/** The agent of a certificate or a lineage; a key and a minter may concern many, and stand for the caller's scope. */
const ofCredential: Finder = function* (rows, { body, caller }) {
  const { serial, lineage } = body as { serial?: string; lineage?: string }
  const held =
    serial !== undefined
      ? yield* rows.certificates.findBySerial(serial, caller.tenant)
      : lineage !== undefined && isId(lineage)
        ? (yield* rows.lineages.subject(lineage))?.agent
        : undefined
  return held && maySee(caller, held.tenant) ? [agent(held)] : undefined
}

/** The agent of the entry that a node asks for. */
const ofAskedEntry: Finder = function* (rows, { body, caller }) {
  const { entry: id } = body as { entry: string }
  const entry = isId(id) ? yield* rows.entries.find(id) : undefined
  return entry && maySee(caller, entry.tenant) ? [agent(entry)] : undefined
}

/** What a call says in full, and in another way than by tenant and agent. */
const SAID: { readonly [Id in RouteId]?: (call: CallNames) => readonly Target[] } = {
  createEntry: ({ body }) => [targetOfEntry(body as NamedEntry)].filter(isTarget),
  createEntries: ({ body }) => (body as { entries: readonly NamedEntry[] }).entries.map(targetOfEntry).filter(isTarget),
  listServices({ query, tenant, caller }) {
    const { spiffe_id: spiffeId } = query as { spiffe_id?: string }
    return [spiffeId === undefined ? scope(tenant ?? caller.tenant) : { kind: 'spiffe-id', spiffeId }]
  },
}

/** What stands behind an id. */
const FINDERS: { readonly [Id in RouteId]?: Finder } = {
  getEntry: ofEntry,
  updateEntry: ofEntry,
  deleteEntry: ofEntry,
  getNode: ofNodeId,
  updateNode: ofNodeId,
  banNode: ofNodeId,
  unbanNode: ofNodeId,
  removeNode: ofNodeId,
  deleteApiKey: ofApiKey,
  updateRole: scoped('roles'),
  deleteRole: scoped('roles'),
  deleteBinding: scoped('bindings'),
  updateIssuer: scoped('issuers'),
  deleteIssuer: scoped('issuers'),
  getIncident: ofIncident,
  getIncidentSnapshot: ofIncident,
  killCredential: ofCredential,
  revokeCert: ofCredential,
  issueWorkloadCert: ofAskedEntry,
  issueJwtSvid: ofAskedEntry,
  issueWitSvid: ofAskedEntry,
}

/** Whether the tenant that a call is about can only be the one that it names, or its caller's. */
export const saysWhose = (id: RouteId): boolean => FINDERS[id] === undefined && SAID[id] === undefined
