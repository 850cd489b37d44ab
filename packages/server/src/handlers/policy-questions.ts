import { type Handlers, LanyardError, type PolicySet, type Routes } from '@lanyard/api'
import {
  type Caller,
  isoTime,
  type PolicyDecision,
  type PolicyEntity,
  type PolicyQuestion,
  type PolicyVersionState,
  policyScope,
  requireStanding,
  requireVersion,
} from '@lanyard/authority'
import { ACTIONS, parseEntity, timeContext } from '@lanyard/policy'
import { BoundedMap } from '@lanyard/protocol'
import type { HandlerPorts, PolicyDesk } from '../http/ports.ts'
import { together } from '../policy/entities.ts'
import { factsOf } from '../policy/facts.ts'
import { askAll, type HeldSet } from '../policy/held.ts'
import { byCertificate } from './call.ts'

type Mine = 'getShadow' | 'explainPolicies' | 'getAgentPolicies'

/** So long the guard of an agent waits for news. */
const WAIT_MS = 20_000

/** What the policies say, to those who want to know. */
export function policyQuestionHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, policies, clock } = ports
  const recent = new RecentSets(policies)
  return {
    async getShadow(call) {
      const tenant = policyScope(call, call.query.tenant)
      const report = policies.shadowOf(tenant)
      if (report === undefined) throw new LanyardError('policy_unknown', 'no version is in the shadow')
      const examples = report.examples.map(example => ({
        ...example,
        active: showDecision(example.active),
        shadow: showDecision(example.shadow),
      }))
      return { ...report, since: isoTime(report.since), examples }
    },

    async explainPolicies(call) {
      const tenant = policyScope(call, call.body.tenant)
      const question = await questionOf(ports, call.body, { tenant, asker: call.caller })
      const { version } = call.body
      const state = version === undefined ? null : await store.read(() => requireVersion(rows, tenant, version))
      const { decision, each } = policies.atTheCostOf(tenant, () =>
        askAll(setsOf(policies, recent, tenant, state), question),
      )
      return {
        ...showDecision(decision),
        sets: each.map(({ set: { texts }, said }) => ({
          tenant: texts.tenant,
          version: texts.version,
          ...showDecision(said),
        })),
      }
    },

    async getAgentPolicies(call) {
      const { caller, query, source, requestId: correlation } = byCertificate(call)
      if (query.after === policies.seen.revision) {
        await nextChange(policies, caller.tenant)
        const act = { caller, at: clock.now(), source, correlation }
        // It may have died while it waited.
        await store.read(() => requireStanding(rows, act))
      }
      const { revision, at } = policies.seen
      return { revision, as_of: isoTime(at, 'milliseconds'), sets: policies.activeFor(caller.tenant).map(showSet) }
    },
  }
}

interface AskedQuestion {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly context?: Readonly<Record<string, unknown>> | undefined
}

/**
 * A question about what is there now, at this hour unless it says another. Throws `body_invalid`, and `not_found` for an
 * API key that is not there, which nothing can be asked about.
 */
async function questionOf(
  { store, rows, authorities, clock }: HandlerPorts,
  asked: AskedQuestion,
  { tenant, asker }: { readonly tenant: string | null; readonly asker: Pick<Caller, 'tenant'> },
): Promise<PolicyQuestion> {
  const named = { principal: entityOf('principal', asked.principal), resource: entityOf('resource', asked.resource) }
  const places = { rows, trustDomain: authorities.trustDomain }
  const entities = await store.read(function* () {
    // What manages all tenants may act in this one, too.
    const principal = yield* factsOf(places, named.principal, asker)
    const sides = [principal, yield* factsOf(places, named.resource, { tenant })]
    if (sides.some(({ self, entities }) => self.type === 'ApiKey' && entities.length === 0))
      throw new LanyardError('not_found', 'there is no such API key')
    return together(...sides)
  })
  const { action } = asked
  const context = { ...(Object.hasOwn(ACTIONS, action) ? timeContext(clock.now()) : {}), ...asked.context }
  return { ...named, action, tenant, context, entities }
}

function entityOf(path: string, text: string): PolicyEntity {
  const entity = parseEntity(text)
  if (entity !== undefined) return entity
  const message = 'expected an entity as Cedar writes it: Lanyard::Agent::"spiffe://…"'
  throw new LanyardError('body_invalid', `${path}: ${message}`, { errors: [{ path, message }] })
}

/** Those that decide; with a version, that one in place of the one of its scope. */
function setsOf(
  policies: Pick<PolicyDesk, 'activeFor'>,
  recent: RecentSets,
  tenant: string | null,
  state: PolicyVersionState | null,
): readonly HeldSet[] {
  const active = policies.activeFor(tenant)
  if (state === null) return active
  const held = active.find(({ texts }) => texts.tenant === tenant && texts.version === state.version)
  return [...active.filter(({ texts }) => texts.tenant !== tenant), held ?? recent.of(state)]
}

/** Versions that were asked about lately: to make one ready takes as long as hundreds of questions. */
class RecentSets {
  readonly #policies: Pick<PolicyDesk, 'compiled'>
  /** Least recently asked first. */
  readonly #sets = new BoundedMap<string, HeldSet>(RECENT)

  constructor(policies: Pick<PolicyDesk, 'compiled'>) {
    this.#policies = policies
  }

  of(state: PolicyVersionState): HeldSet {
    const name = `${state.tenant ?? ''} ${state.version}`
    const set = this.#sets.get(name) ?? this.#policies.compiled(state)
    this.#sets.set(name, set)
    return set
  }
}

const RECENT = 16

/**
 * Until there is another set for this tenant, or the time is over. A change of another tenant's is no news: else each would
 * have the policies written out for every agent of everybody at once.
 */
function nextChange(policies: Pick<PolicyDesk, 'onChange' | 'activeFor'>, tenant: string): Promise<void> {
  const before = policies.activeFor(tenant)
  const isNews = () => {
    const now = policies.activeFor(tenant)
    return now.length !== before.length || now.some((set, at) => set !== before[at])
  }
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      end()
      resolve()
    }
    const timer = setTimeout(done, WAIT_MS)
    timer.unref()
    const end = policies.onChange(released => (released || isNews()) && queueMicrotask(done))
  })
}

const showDecision = ({ allowed, policies, errors }: PolicyDecision) => ({
  decision: allowed ? ('allow' as const) : ('deny' as const),
  policies: [...policies],
  errors: errors.slice(0, 20).map(text => text.slice(0, 1000)),
})

const showSet = ({ texts }: HeldSet): PolicySet => ({
  tenant: texts.tenant,
  version: texts.version,
  policies: texts.policies,
  schema: texts.schema,
  entities: texts.entities as Record<string, unknown>[],
})
