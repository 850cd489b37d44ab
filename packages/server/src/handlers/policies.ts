import { type Handlers, LanyardError, type PolicyVersion, type Routes } from '@lanyard/api'
import {
  activatePolicies,
  type Caller,
  exclusive,
  exclusiveAll,
  isoTime,
  type Locks,
  type PolicyVersionState,
  policyScope,
  redactText,
  requireVersion,
  rollBackPolicies,
  savePolicies,
  shadowPolicies,
} from '@lanyard/authority'
import { type Problem, placeOf } from '@lanyard/policy'
import { CheckThread } from '@lanyard/policy/check-thread'
import type { HandlerPorts } from '../http/ports.ts'
import type { HeldSet, PolicyTexts } from '../policy/held.ts'
import { requireWayBack } from '../policy/lock-out.ts'
import { act, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'savePolicies' | 'listPolicies' | 'activatePolicies' | 'rollBackPolicies' | 'shadowPolicies'

/** Bytes of policies, schema and entities together: with them grows what a decision takes. */
const MAX_BYTES = 49_152
/** Problems that one answer tells. */
const MOST_TOLD = 50

/** Versions of policies, and which of them decides. */
export function policyHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, policies } = ports
  // A check can take seconds: nobody's kill shall wait for it.
  const checks = new CheckThread()
  /** It counts here with the answer, and at all other instances within a moment. */
  const inForce = async <T>(done: T): Promise<T> => {
    policies.tell()
    // It is durable, whoever can look at it now.
    await policies.look().catch(() => {})
    return done
  }
  return {
    async savePolicies(call) {
      const { policies: text, schema = '', entities = [], comment = '' } = call.body
      const tenant = policyScope(call, call.body.tenant)
      const input = { tenant, policies: text, schema, entities, comment: redactText(comment) }
      await requireUsable(checks, { ...input, version: 0 })
      return showVersion(await act(ports, call, locksOf(tenant), told => savePolicies(rows, input, told)))
    },

    async listPolicies(call) {
      const tenant = (await tenantOfList(ports, call.caller, call.query.tenant)) ?? null
      const list = { route: 'listPolicies', tenant: call.caller.tenant, filter: { tenant } } as const
      const page = cursors.page(list, call.query)
      return cursors.reply(list, await store.read(() => rows.policies.list(tenant, page)), showVersion)
    },

    async activatePolicies(call) {
      const tenant = policyScope(call, call.body.tenant)
      const version = versionOf(call.params.version)
      const asked = await store.read(() => requireVersion(rows, tenant, version))
      await requireWayBack(ports, call, tenant, usable(ports, asked))
      return showVersion(
        await inForce(await act(ports, call, locksOf(tenant), told => activatePolicies(rows, tenant, version, told))),
      )
    },

    async rollBackPolicies(call) {
      const tenant = policyScope(call, call.body.tenant)
      const { before, after } = await store.read(function* () {
        const active = yield* rows.policies.active(tenant)
        if (!active) throw new LanyardError('policy_unknown', 'no version decides')
        const follows = active.follows === null ? null : yield* requireVersion(rows, tenant, active.follows)
        return { before: active, after: follows }
      })
      // Whoever rolls back is never told to wait.
      await requireWayBack(ports, call, tenant, after && policies.compiled(after))
      const active = await inForce(
        await act(ports, call, locksOf(tenant), told => rollBackPolicies(rows, tenant, before.version, told)),
      )
      return { active: active && showVersion(active) }
    },

    async shadowPolicies(call) {
      const { on } = call.body
      const tenant = policyScope(call, call.body.tenant)
      const version = versionOf(call.params.version)
      if (on) usable(ports, await store.read(() => requireVersion(rows, tenant, version)))
      return showVersion(
        await inForce(
          await act(ports, call, locksOf(tenant), told => shadowPolicies(rows, tenant, { version, on }, told)),
        ),
      )
    },
  }
}

/** Two versions of one scope are never saved or activated at once: a number is given once, and one decides. */
const locksOf = (tenant: string | null): Locks => (tenant === null ? exclusiveAll : exclusive(tenant))

/** The number in a path. Throws `policy_unknown` for what is none. */
function versionOf(text: string): number {
  const version = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
  if (version > 0) return version
  throw new LanyardError('policy_unknown', 'expected the number of a version')
}

/** Throws `policy_invalid`, with what is wrong where. */
async function requireUsable(checks: CheckThread, texts: PolicyTexts): Promise<void> {
  const bytes = Buffer.byteLength(texts.policies + texts.schema + JSON.stringify(texts.entities))
  if (bytes > MAX_BYTES) throw invalid(`expected at most ${MAX_BYTES} bytes, got ${bytes}`)
  const found = await checks.check(texts)
  if (found !== null) throw invalid('expected policies that fit the schema', toldOf(found.problems))
}

/** One of each place: what fits no action fails for each of them alike. */
function toldOf(problems: readonly Problem[]): { path: string; message: string }[] {
  const told = new Map<string, { path: string; message: string }>()
  for (const problem of problems) {
    const path = placeOf(problem)
    const message = (problem.policy === null ? '' : `${problem.policy}: `) + problem.message.slice(0, 1000)
    if (!told.has(path)) told.set(path, { path, message })
  }
  return [...told.values()].slice(0, MOST_TOLD)
}

/** A stored version as it would decide: another release may no longer take what one before did. */
function usable({ policies }: Pick<HandlerPorts, 'policies'>, state: PolicyVersionState): HeldSet {
  const set = policies.atTheCostOf(state.tenant, () => policies.compiled(state))
  if (set.problem !== null) throw invalid(set.problem.slice(0, 1000))
  return set
}

const invalid = (detail: string, errors: readonly { path: string; message: string }[] = []) =>
  new LanyardError('policy_invalid', detail, { errors })

const showVersion = (state: PolicyVersionState): PolicyVersion => ({
  tenant: state.tenant,
  version: state.version,
  policies: state.policies,
  schema: state.schema,
  entities: state.entities as Record<string, unknown>[],
  comment: state.comment,
  state: state.state,
  created_by: state.createdBy,
  created_at: isoTime(state.createdAt),
  activated_at: state.activatedAt === null ? null : isoTime(state.activatedAt),
})
