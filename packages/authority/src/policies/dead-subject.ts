import { type ErrorCode, LanyardError } from '@lanyard/api'
import { scopesBarred } from '../access/shut-out.ts'
import { servedTier } from '../liveness.ts'
import type { AgentState, PolicyEntity, Rows, Step } from '../ports.ts'

export type SubjectRows = Pick<Rows, 'agents' | 'tenants' | 'nodes' | 'apiKeys' | 'barredPrincipals'>

/** In whose name it is asked (null: of all tenants), and when, in Unix milliseconds. */
interface Asking {
  readonly tenant: string | null
  readonly at: number
}

/**
 * Why somebody may do nothing, whatever policies say: whoever enforces decisions elsewhere asks of callers that no
 * guard of ours has judged. Null: they live, or it is nothing of ours. Deaths of agents are told to every tenant, by the
 * feed; of the rest each learns what is its own.
 */
export function* deathOf(rows: SubjectRows, { type, id }: PolicyEntity, asking: Asking): Step<ErrorCode | null> {
  switch (type) {
    case 'Agent': {
      const agent = yield* rows.agents.findById(id)
      return agent ? yield* deathOfAgent(rows, agent) : null
    }
    case 'Node': {
      const node = yield* rows.nodes.find(id)
      return node && node.bannedAt !== null && sees(asking, node.tenant) ? 'node_banned' : null
    }
    case 'ApiKey': {
      const key = yield* rows.apiKeys.find(id)
      const isOver = key && (key.revokedAt !== null || asking.at >= key.expiresAt)
      return isOver && sees(asking, key.tenant) ? 'unauthenticated' : null
    }
    case 'User':
    case 'Certificate': {
      const barred = scopesBarred(yield* rows.barredPrincipals.of(id))
      return barred.some(tenant => tenant === null || tenant === asking.tenant) ? 'principal_barred' : null
    }
    default:
      return null
  }
}

const sees = ({ tenant }: Asking, of: string | null) => tenant === null || tenant === of

function* deathOfAgent(rows: SubjectRows, agent: AgentState): Step<ErrorCode | null> {
  const tenant = yield* rows.tenants.find(agent.tenant)
  // An agent without a tenant is none.
  if (tenant === undefined) return 'tenant_unknown'
  try {
    servedTier({ tenant, agent })
    return null
  } catch (error) {
    if (error instanceof LanyardError) return error.code
    throw error
  }
}
