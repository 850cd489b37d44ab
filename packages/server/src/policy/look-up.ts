import type { AgentState, Caller, Listed, Step } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { contextOf } from './context.ts'
import { type Known, type NamedAgent, ofAgent, together } from './entities.ts'
import { principalOf } from './principal.ts'
import { Turns } from './thread-time.ts'

type LookUpPorts = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'policies' | 'spiffeIdOf' | 'authorities'>

interface LookUp {
  readonly action: 'listServices' | 'listAgents'
  readonly caller: Caller
  readonly source: string
}

/** What of a page the policies let its reader see. A page may so come short, or empty, with a cursor to go on from. */
export async function seenBy<T extends NamedAgent | AgentState>(
  ports: LookUpPorts,
  { action, caller, source }: LookUp,
  page: Listed<T>,
): Promise<Listed<T>> {
  const { store, rows, clock, policies, spiffeIdOf, authorities } = ports
  const concerned = page.items.filter(({ tenant }) => policies.asks(tenant))
  if (concerned.length === 0) return page
  const places = { rows, spiffeIdOf, trustDomain: authorities.trustDomain }
  const { principal, agents } = await store.read(function* () {
    return { principal: yield* principalOf(places, caller), agents: yield* agentsOf(places, concerned) }
  })
  const context = contextOf(caller, { at: clock.now(), source })
  const maySee = (agent: Known, tenant: string) => {
    const both = { principal: principal.self, resource: agent.self, entities: together(principal, agent) }
    return policies.decide({ ...both, action, tenant, context }).allowed
  }
  const turns = new Turns()
  const seen = new Map<string, boolean>()
  for (const [spiffeId, { known, tenant }] of agents) {
    await turns.mine()
    seen.set(spiffeId, maySee(known, tenant))
  }
  return { ...page, items: page.items.filter(({ spiffeId }) => seen.get(spiffeId) ?? true) }
}

function* agentsOf(
  { rows, trustDomain }: Pick<LookUpPorts, 'rows'> & { readonly trustDomain: string },
  named: readonly (NamedAgent | AgentState)[],
): Step<ReadonlyMap<string, { readonly known: Known; readonly tenant: string }>> {
  const found = new Map<string, { known: Known; tenant: string }>()
  for (const item of named) {
    const { tenant, spiffeId } = item
    if (found.has(spiffeId)) continue
    const stored = 'tier' in item ? item : yield* rows.agents.find(item)
    found.set(spiffeId, { known: ofAgent(stored ?? item, trustDomain), tenant })
  }
  return found
}
