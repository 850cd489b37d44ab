import type { KillScope } from '@lanyard/api'
import { permissionsOfRole } from '../access/roles.ts'
import { requireEveryAgent } from '../access/within.ts'
import type { Act } from '../caller.ts'
import { isFederated } from '../federation/gate.ts'
import type { AgentState, ApiKeyState, Rows, Step } from '../ports.ts'
import { isOfNode } from '../workloads/lineage.ts'
import type { Link } from './take.ts'

/** Certificates whose sources are followed. */
const FOLLOWED = 200

/** What goes along with an agent: links to further lineages, and API keys that end with all that they made. */
export interface Widening {
  readonly links: readonly Link[]
  readonly apiKeys: readonly string[]
  /**
   * API keys that this caller may not end: another tenant's or all tenants', or with more permissions than it has; and
   * its own with those that it came from, or the one who acts would be locked out by the act.
   */
  readonly spared: readonly string[]
}

const ALONE: Widening = { links: [], apiKeys: [], spared: [] }

/**
 * Finds what the scope of an agent's kill takes along, within the caller's tenant. Only reads. Throws
 * `agent_not_covered`.
 */
export function* widen(rows: Rows, agent: AgentState, scope: KillScope, act: Act): Step<Widening> {
  if (scope === 'api-key' || scope === 'source') requireEveryAgent(act, 'agent.kill')
  switch (scope) {
    case 'agent':
    // What lineages and tokens minted is, as long as agents make no sub-agents, the agent's own.
    case 'lineage':
    case 'token':
      return ALONE
    case 'api-key':
      return yield* byApiKeys(rows, agent, act)
    case 'source':
      return yield* bySources(rows, agent, act)
    default:
      throw new TypeError(`no such scope: ${String(scope satisfies never)}`)
  }
}

const tenantOf = ({ caller }: Act) => (caller === 'server' ? null : caller.tenant)

function* byApiKeys(rows: Rows, agent: AgentState, act: Act): Step<Widening> {
  // Nodes and providers are no API keys: what they opened for other agents has nothing to do with this one.
  const held = yield* rows.lineages.ofAgent(agent)
  const opened = held.filter(lineage => !isOfNode(lineage) && !isFederated(lineage))
  const minters = new Set(opened.map(({ mintedBy }) => mintedBy))
  const apiKeys: string[] = []
  const spared: string[] = []
  const own = yield* ancestry(rows, act)
  for (const minter of minters) {
    const id = apiKeyOf(minter)
    const key = id === null ? undefined : yield* rows.apiKeys.find(id)
    if (key) ((yield* mayEnd(rows, act, key)) && !own.has(key.id) ? apiKeys : spared).push(key.id)
  }
  const tenant = tenantOf(act)
  return { links: [...minters].map(mintedBy => ({ by: { mintedBy }, tenant })), apiKeys, spared }
}

/** The caller's own API key, the one that made it, and so on. */
function* ancestry(rows: Rows, { caller }: Act): Step<ReadonlySet<string>> {
  const ids = new Set<string>()
  let id = caller !== 'server' && caller.kind === 'api-key' ? caller.id : null
  while (id !== null && !ids.has(id)) {
    ids.add(id)
    const key: ApiKeyState | undefined = yield* rows.apiKeys.find(id)
    id = key === undefined ? null : apiKeyOf(key.createdBy)
  }
  return ids
}

function* bySources(rows: Rows, { tenant, agent }: AgentState, act: Act): Step<Widening> {
  const filter = { tenant, agent, alive: true, now: act.at }
  const { items } = yield* rows.certificates.list(filter, { limit: FOLLOWED, after: null })
  const sources = new Set(items.map(({ source }) => source).filter(source => source !== null))
  const within = tenantOf(act)
  return { ...ALONE, links: [...sources].map(source => ({ by: { source, now: act.at }, tenant: within })) }
}

/** The id of an API key by the name under which it mints; null for another credential. */
export const apiKeyOf = (mintedBy: string): string | null =>
  mintedBy.startsWith('api-key:') ? mintedBy.slice('api-key:'.length) : null

/** Nobody ends a key that reaches further than its own, unless keys are its business. */
export function* mayEnd(rows: Rows, { caller }: Act, key: ApiKeyState): Step<boolean> {
  if (caller === 'server') return true
  if (caller.tenant !== null && caller.tenant !== key.tenant) return false
  if (caller.permissions.has('apikey.manage')) return true
  const held = yield* permissionsOfRole(rows, key.role, key.tenant)
  return [...held].every(permission => caller.permissions.has(permission))
}
