import type { Caller, PolicyEntity, Rows, Step } from '@lanyard/authority'
import { type Known, ofAgent, ofApiKey, ofDomain, ofNode, ofTenant } from './entities.ts'
import { roleOf } from './principal.ts'

export interface FactPorts {
  readonly rows: Pick<Rows, 'agents' | 'nodes' | 'apiKeys' | 'tenants' | 'roles'>
  readonly trustDomain: string
}

/** What may be told: all, or what belongs to one tenant. */
type Seer = Pick<Caller, 'tenant'>

/**
 * What is known of an entity of ours that somebody names. What is not there, or may not be seen, is an entity without
 * anything: so a policy that asks for its attributes fails, which is a denial.
 */
export function* factsOf({ rows, trustDomain }: FactPorts, named: PolicyEntity, seer: Seer): Step<Known> {
  const unknown: Known = { self: { type: named.type, id: named.id }, entities: [] }
  switch (named.type) {
    case 'TrustDomain':
      return named.id === trustDomain ? ofDomain(trustDomain) : unknown
    case 'Tenant': {
      const tenant = sees(seer, named.id) ? yield* rows.tenants.find(named.id) : undefined
      return tenant ? ofTenant(tenant.tenant, trustDomain) : unknown
    }
    case 'Agent': {
      const agent = yield* rows.agents.findById(named.id)
      return agent && sees(seer, agent.tenant) ? ofAgent(agent, trustDomain) : unknown
    }
    case 'Node': {
      const node = yield* rows.nodes.find(named.id)
      return node && sees(seer, node.tenant) ? ofNode(node, trustDomain) : unknown
    }
    case 'ApiKey': {
      const key = yield* rows.apiKeys.find(named.id)
      if (!key || key.revokedAt !== null || !sees(seer, key.tenant)) return unknown
      return ofApiKey(key, yield* roleOf(rows, key), trustDomain)
    }
    default:
      return unknown
  }
}

const sees = ({ tenant }: Seer, of: string | null) => tenant === null || tenant === of
