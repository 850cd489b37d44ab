import {
  type Body,
  type Handlers,
  LanyardError,
  nearest,
  PERMISSIONS,
  type Permission,
  type RouteId,
  type Routes,
  routes,
} from '@lanyard/api'
import {
  type Act,
  type Caller,
  type ExplainedStep,
  explainAccess,
  type IssuerState,
  type ManagerCaller,
  reinstatePrincipal,
  requireName,
  requireTenant,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { questionsOf } from '../policy/judge.ts'
import { bindeeValue } from './access-bindings.ts'
import { act, exclusiveWithin } from './call.ts'

type Mine = 'reinstatePrincipal' | 'explainAccess' | 'getLogin'

/** Issuers at which people log in, of a tenant or of all, that one answer tells. */
const LOGINS_MAX = 200

/** Who may come, what they may do, and where they log in. */
export function accessPrincipalHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, crypto, clock, authorities } = ports
  return {
    async reinstatePrincipal(call) {
      const step = (told: Act) => reinstatePrincipal(rows, call.params.principal, told)
      await act(ports, call, exclusiveWithin(call.caller), step)
      return undefined
    },

    async explainAccess({ body, caller, source, requestId }) {
      const { who, groups = [], agent } = body
      for (const [what, name] of [
        ['tenant', body.tenant],
        ['agent', agent],
      ] as const)
        if (name !== undefined) requireName(what, name)
      if (body.tenant !== undefined) requireTenant(caller, body.tenant)
      const { id, permission } = actionOf(body.action)
      const tenant = body.tenant ?? caller.tenant
      const { kind } = who
      const value = kind === 'api-key' ? who.value : bindeeValue({ kind, value: who.value }, authorities.trustDomain)
      const question = { who: { ...who, value }, groups, permission, tenant, agent }
      const explained = await store.read(() => explainAccess(rows, question, crypto, { caller, at: clock.now() }))
      const door = doorSteps(body.action, kind)
      if (explained.caller === null || door.length > 0) return { allowed: false, steps: [...door, ...explained.steps] }
      const asked = { id, action: body.action, tenant, agent, caller: explained.caller, source, requestId }
      const policies = await policySteps(ports, asked)
      return { allowed: policies.every(({ ok }) => ok), steps: [...explained.steps, ...policies] }
    },

    async getLogin({ query }) {
      // The empty name is no tenant's: then those of all tenants are left.
      const filter = { tenant: query.tenant ?? '' }
      const page = { limit: LOGINS_MAX, after: null }
      const { items } = await store.read(() => rows.issuers.list(filter, page))
      return { issuers: items.flatMap(showLogin) }
    },
  }
}

const showLogin = ({ id, issuer, enabled, login, audiences: [audience = ''] }: IssuerState) =>
  enabled && login !== null ? [{ id, issuer, client_id: login.clientId, scopes: [...login.scopes], audience }] : []

/**
 * A call that none of their kind can make, whatever their roles hold; empty where it can. An agent is not asked about:
 * it can come as itself too.
 */
function doorSteps(action: string, kind: Body<Routes['explainAccess']>['who']['kind']): readonly ExplainedStep[] {
  if (kind === 'spiffe-id' || !Object.hasOwn(routes, action)) return []
  const { auth } = routes[action as RouteId]
  const wanted = kind === 'api-key' ? 'api-key' : 'principal'
  const accepts: readonly string[] = auth.kind === 'identity' ? auth.accepts : [wanted]
  if (accepts.includes(wanted)) return []
  const detail = `${action} is answered to ${accepts.join(', ')} alone, and to no ${wanted}`
  return [{ step: 'door', ok: false, detail }]
}

/** The permission that an action needs, and the call by which policies are asked about it. Throws `body_invalid`. */
function actionOf(action: string): { readonly id: RouteId; readonly permission: Permission } {
  const calls = Object.entries(routes).flatMap(([id, { auth }]) =>
    auth.kind === 'identity' && auth.permission !== null
      ? [{ id: id as RouteId, permission: auth.permission as Permission }]
      : [],
  )
  const found = calls.find(({ id, permission }) => id === action || permission === action)
  if (found !== undefined) return found
  if (Object.hasOwn(PERMISSIONS, action)) return { id: 'evaluate', permission: action as Permission }
  const names = [...Object.keys(PERMISSIONS), ...calls.map(({ id }) => id)]
  const meant = nearest(action, names)
  const message = `expected a permission or a call${meant ? `, such as ${meant}` : ''}`
  throw new LanyardError('body_invalid', `action: ${message}`, { errors: [{ path: 'action', message }] })
}

interface PolicyAsked {
  readonly id: RouteId
  readonly action: string
  readonly tenant: string | null
  readonly agent: string | undefined
  readonly caller: ManagerCaller
  readonly source: string
  readonly requestId: string
}

/** What the policies in force would say, as far as the question tells what it is about. */
async function policySteps(
  ports: HandlerPorts,
  { id, action, tenant, agent, caller, source, requestId }: PolicyAsked,
): Promise<readonly ExplainedStep[]> {
  const { policies } = ports
  const named: Partial<Body<Routes['explainAccess']>> = { ...(tenant === null ? {} : { tenant }), agent }
  // In each place where a call can say it.
  const parts = { params: {}, query: named, body: { ...named, entries: [named] } }
  const call = { id, route: routes[id], caller, tenant: named.tenant, agent, parts, source, requestId }
  const questions = policies.isIdle ? [] : await questionsOf(ports, call)
  const asked = questions.filter(question => policies.asks(question.tenant))
  if (asked.length === 0) return [{ step: 'policy', ok: true, detail: 'no policies are in force here' }]
  return asked.map(question => {
    const decision = policies.decide(action === id ? question : { ...question, action })
    const by = decision.policies.length > 0 ? decision.policies.join(', ') : 'no policy'
    const failed = decision.errors.length > 0 ? '; some could not be asked' : ''
    return {
      step: 'policy',
      ok: decision.allowed,
      detail: `${question.action}: ${decision.allowed ? 'permitted' : 'denied'} by ${by}${failed}`,
    }
  })
}
