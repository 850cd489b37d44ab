import { isIP } from 'node:net'
import { type Body, type ErrorCode, type Handlers, LanyardError, type Routes } from '@lanyard/api'
import {
  actorOf,
  type Caller,
  deathOf,
  type PolicyDecision,
  type PolicyEntity,
  type PolicyQuestion,
  policyScope,
  RefusalEvents,
  type Step,
} from '@lanyard/authority'
import { ACTIONS, ENTITIES, NAMESPACE, timeContext } from '@lanyard/policy'
import type { HandlerPorts } from '../http/ports.ts'
import { type Known, together } from '../policy/entities.ts'
import { factsOf } from '../policy/facts.ts'
import { Turns } from '../policy/thread-time.ts'
import { decisionFor } from '../policy/verdict.ts'
import type { AnyCall } from './call.ts'

type Mine = 'evaluate' | 'evaluateMany' | 'getAuthzen'
type Asked = Body<Routes['evaluate']>
type Named = Asked['subject']

/** AuthZEN 1.0: the policies in force, for whoever enforces decisions elsewhere. */
export function authzenHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const denials = new RefusalEvents(ports)
  const evaluate = (call: AnyCall, asked: Asked) => evaluated(ports, denials, call, asked)
  return {
    evaluate: call => evaluate(call, call.body),

    async evaluateMany(call) {
      const { evaluations = [], options, ...defaults } = call.body
      if (evaluations.length === 0) return await evaluate(call, whole(defaults, 'body'))
      const end = ENDS[options?.evaluations_semantic ?? 'execute_all']
      const answers: Awaited<ReturnType<typeof evaluate>>[] = []
      const turns = new Turns()
      for (const [index, evaluation] of evaluations.entries()) {
        await turns.mine()
        const answer = await evaluate(call, whole({ ...defaults, ...evaluation }, `evaluations.${index}`))
        answers.push(answer)
        if (answer.decision === end) break
      }
      return { evaluations: answers }
    },

    getAuthzen({ host }) {
      const base = baseOf(host, ports.ownHosts)
      return {
        policy_decision_point: base,
        access_evaluation_endpoint: `${base}/access/v1/evaluation`,
        access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      }
    },
  }
}

const HOST = /^(?<name>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?<port>:\d{1,5})?$/

/**
 * Where whoever asks has called: it compares that with what it is told (AuthZEN 1.0, 9.2.3). No name but ours is
 * repeated.
 */
function baseOf(host: string | undefined, ownHosts: readonly string[]): string {
  const { name = '', port = '' } = HOST.exec(host ?? '')?.groups ?? {}
  const plain = name.replace(/^\[|\]$/g, '').toLowerCase()
  const isOurs = isIP(plain) !== 0 || ownHosts.includes(plain)
  return isOurs ? `https://${name.toLowerCase()}${port}` : `https://${ownHosts[0] ?? 'localhost'}`
}

/** The decision after which nothing more is evaluated (AuthZEN 1.0, 7.1.2.1). */
const ENDS = { execute_all: null, deny_on_first_deny: false, permit_on_first_permit: true } as const

type Partly = { readonly [Part in 'subject' | 'action' | 'resource' | 'context']?: Asked[Part] | undefined }

/** One question, with what the request says for all. Throws `body_invalid` for one that lacks a part. */
function whole({ subject, action, resource, context }: Partly, path: string): Asked {
  if (subject && action && resource) return { subject, action, resource, context }
  const message = 'expected subject, action and resource'
  throw new LanyardError('body_invalid', `${path}: ${message}`, { errors: [{ path, message }] })
}

async function evaluated(ports: HandlerPorts, denials: RefusalEvents, call: AnyCall, asked: Asked) {
  const { caller, source, requestId: correlation } = call
  const tenant = policyScope(call, call.chosen)
  // Beside those that a policy speaks for there is nobody who could permit it.
  if (ports.policies.activeFor(tenant).length === 0) return answerOf(NOBODY)
  const { death, question } = await questionOf(ports, asked, tenant)
  if (death !== null)
    return answerOf({ allowed: false, policies: [], errors: [`${death}: the subject may do nothing`] })
  const asker = { actor: actorOf(caller), tenant, source, correlation }
  return answerOf(await decisionFor(ports.policies, denials, question, asker))
}

const NOBODY: PolicyDecision = { allowed: false, policies: [], errors: ['no policies are in force'] }

const answerOf = ({ allowed, policies, errors }: PolicyDecision) => ({
  decision: allowed,
  context: {
    reason: [...policies],
    ...(errors.length === 0 ? {} : { errors: errors.slice(0, 20).map(text => text.slice(0, 1000)) }),
  },
})

async function questionOf(
  { store, rows, authorities, clock }: HandlerPorts,
  { subject, action: { name: action }, resource, context = {} }: Asked,
  tenant: string | null,
): Promise<{ readonly death: ErrorCode | null; readonly question: PolicyQuestion }> {
  const places = { rows, trustDomain: authorities.trustDomain }
  const at = clock.now()
  const known = await store.read(function* () {
    const principal = yield* knownOf(places, subject, tenant)
    const death = yield* deathOf(rows, principal.self, { tenant, at })
    return { principal, death, resource: yield* knownOf(places, resource, tenant) }
  })
  const now = Object.hasOwn(ACTIONS, action) ? timeContext(at) : {}
  const question = {
    principal: known.principal.self,
    action,
    resource: known.resource.self,
    tenant,
    context: { ...now, ...context },
    entities: together(known.principal, known.resource),
  }
  return { death: known.death, question }
}

/** What is true of an agent is for the authority to say; what is true of an application's own, for who asks. */
function* knownOf(places: Parameters<typeof factsOf>[0], named: Named, tenant: string | null): Step<Known> {
  const { type, id, properties } = named
  const ours = ourType(type)
  if (ours !== undefined) return yield* factsOf(places, { type: ours, id }, { tenant })
  const self: PolicyEntity = { type, id }
  const said = properties !== undefined && Object.keys(properties).length > 0
  return { self, entities: said ? [{ ...self, attributes: properties, parents: [] }] : [] }
}

function ourType(type: string): string | undefined {
  const plain = type.startsWith(`${NAMESPACE}::`) ? type.slice(NAMESPACE.length + 2) : type
  return Object.hasOwn(ENTITIES, plain) ? plain : undefined
}
