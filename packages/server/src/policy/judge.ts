import type { Permission, Route, RouteId } from '@lanyard/api'
import { actorOf, type Caller, type PolicyQuestion, RefusalEvents } from '@lanyard/authority'
import type { JudgedCall } from '../http/callers.ts'
import type { HandlerPorts } from '../http/ports.ts'
import { contextOf } from './context.ts'
import { together } from './entities.ts'
import { principalOf } from './principal.ts'
import { resourcesOf, saysWhose } from './resources.ts'
import { Turns } from './thread-time.ts'
import { requireAllowed } from './verdict.ts'

export type JudgePorts = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'policies' | 'spiffeIdOf' | 'authorities'>

/** Calls about one thing ask no more, and never wait for those about many. */
const FEW = 4

/** Asks the policies about each call that is not public, after the roles. */
export function createJudge(ports: JudgePorts): (call: JudgedCall) => Promise<void> {
  const { policies } = ports
  const denials = new RefusalEvents(ports)
  return async call => {
    if (policies.isIdle || isUnheard(policies, call)) return
    const asker = { actor: actorOf(call.caller), source: call.source, correlation: call.requestId }
    const questions = await questionsOf(ports, call)
    const turns = questions.length > FEW ? new Turns() : null
    for (const { about, ...question } of questions) {
      await turns?.mine()
      if (policies.asks(question.tenant)) await requireAllowed(policies, denials, question, { ...asker, tenant: about })
    }
  }
}

/** Whether what is in force is all of tenants that this call can have nothing to do with: nothing is read for it. */
const isUnheard = (policies: JudgePorts['policies'], { id, tenant, caller }: JudgedCall) =>
  saysWhose(id) && !policies.asks(tenant ?? null) && !policies.asks(caller.tenant)

/** A question, and whose tenant it is about. */
export interface AboutQuestion extends PolicyQuestion {
  readonly about: string | null
}

/** What is asked about a call: of each thing that it is about, and of what it gives to an agent. */
export async function questionsOf(ports: JudgePorts, call: JudgedCall): Promise<readonly AboutQuestion[]> {
  const { store, rows, clock, spiffeIdOf, authorities } = ports
  const { id, caller, source } = call
  const places = { rows, spiffeIdOf, trustDomain: authorities.trustDomain }
  const context = contextOf(caller, { at: clock.now(), source })
  return await store.read(function* () {
    const principal = yield* principalOf(places, caller)
    const about = yield* resourcesOf(places, { ...call, ...call.parts })
    return about.flatMap(({ tenant, resource }) => {
      const { self } = resource
      const both = { principal: principal.self, resource: self, entities: together(principal, resource) }
      const question = { ...both, action: id, tenant: heardFor(call, tenant), about: tenant, context }
      const also = alsoAsked(call).map(action => ({ ...question, action, tenant: heardFor(call, tenant, action) }))
      const door = DOORS[id]
      if (door === undefined || self.type !== 'Agent') return [question, ...also]
      return [question, ...also, { ...question, action: 'issue', tenant, context: { ...context, door } }]
    })
  })
}

/** What else a call does, by what it says: an agent is killed by a change of its lifecycle as well. */
function alsoAsked({ id, parts }: Pick<JudgedCall, 'id' | 'parts'>): readonly Permission[] {
  if (id !== 'updateAgent') return []
  const { lifecycle } = parts.body as { lifecycle?: string }
  if (lifecycle === 'quarantined') return ['agent.kill']
  return lifecycle === 'retired' ? ['agent.remove'] : []
}

/** Calls that open lineages: what an agent gets by them is issued to it, and policies about issuing speak of it. */
const DOORS: { readonly [Id in RouteId]?: string } = {
  bootstrapAgent: 'bootstrap',
  federatedBootstrap: 'federation',
  openSession: 'secret',
}

/** Of a tenant's own policies, those of the trust domain stand above these. */
const ABOVE: ReadonlySet<Permission> = new Set(['policy.read', 'policy.manage', 'agent.kill', 'tenant.kill'])

/**
 * Whose policies are asked beside those of the trust domain. Whoever manages all tenants can end the agents of each and
 * roll its policies back, whatever those say: or an admin of one tenant could take it from everybody, its operator
 * included.
 */
function heardFor(
  { caller, route }: Pick<JudgedCall, 'caller' | 'route'>,
  tenant: string | null,
  permission = permissionOf(route),
): string | null {
  return permission !== null && ABOVE.has(permission) && holdsEverywhere(caller, permission) ? null : tenant
}

const permissionOf = ({ auth }: Route) => (auth.kind === 'identity' ? (auth.permission as Permission | null) : null)

function holdsEverywhere(caller: Caller, permission: Permission): boolean {
  if (caller.kind === 'api-key') return caller.tenant === null
  if (caller.kind !== 'principal') return false
  return caller.grants.some(
    grant => grant.tenant === null && grant.agents === null && grant.permissions.has(permission),
  )
}
