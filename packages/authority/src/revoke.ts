import { LanyardError } from '@lanyard/api'
import { type Act, type Caller, requireTenant } from './caller.ts'
import { eventOf } from './event.ts'
import { takeLineages } from './kill/take.ts'
import { settle, Toll } from './kill/toll.ts'
import type { AgentKey, Rows, Step } from './ports.ts'
import { requireAgent } from './registry/agents.ts'

/** What is revoked: the certificate's whole lineage, or all that the agent holds. */
export type Target = { readonly serial: string } | AgentKey

/** One revocation that somebody asked for. */
export interface Revocation {
  readonly target: Target
  readonly reason: string
  readonly act: Act & { readonly caller: Caller }
}

/**
 * Revokes, and ends the lineages: what is revoked renews nothing. Gives the serials that were alive until now. An agent
 * may revoke only its own. Throws `not_found`, `tenant_mismatch`, `tenant_unknown`, `agent_unknown`, `name_invalid`.
 */
export function* revokeCertificates(
  rows: Rows,
  target: Target,
  reason: string,
  act: Act & { readonly caller: Caller },
): Step<readonly string[]> {
  const toll = new Toll()
  const revoked = yield* revoke(rows, toll, { target, reason, act })
  yield* settle(rows, toll, act.at)
  return revoked
}

/** What became of one of several revocations. */
export type Revoked = { readonly revoked: readonly string[] } | { readonly error: unknown }

/**
 * Several revocations under one epoch, so that agents which revoke their own make no epochs as fast as they can ask. A
 * refused one does not stop the others. `admit` is asked before each, as a part of the transaction.
 */
export function* revokeTogether(
  rows: Rows,
  revocations: readonly Revocation[],
  admit: (revocation: Revocation) => Step<void>,
): Step<readonly Revoked[]> {
  const toll = new Toll()
  const outcomes: Revoked[] = []
  for (const revocation of revocations) outcomes.push(yield* oneOf(rows, toll, revocation, admit))
  const [first] = revocations
  if (first && toll.deaths.length > 0) yield* settle(rows, toll, first.act.at)
  return outcomes
}

// A step that throws has not written, so the transaction goes on.
function* oneOf(
  rows: Rows,
  toll: Toll,
  revocation: Revocation,
  admit: (revocation: Revocation) => Step<void>,
): Step<Revoked> {
  try {
    yield* admit(revocation)
    return { revoked: yield* revoke(rows, toll, revocation) }
  } catch (error) {
    return { error }
  }
}

function* revoke(rows: Rows, toll: Toll, { target, reason, act }: Revocation): Step<readonly string[]> {
  const { owner, revoked } =
    'serial' in target
      ? yield* revokeLineage(rows, toll, target.serial, reason, act)
      : yield* revokeAgent(rows, toll, target, reason, act)
  yield* rows.events.append(eventOf(act, 'cert.revoked', owner, { reason, revoked }))
  return revoked
}

interface Taken {
  readonly owner: AgentKey
  readonly revoked: readonly string[]
}
type OwnAct = Revocation['act']

function* revokeAgent(rows: Rows, toll: Toll, key: AgentKey, reason: string, act: OwnAct): Step<Taken> {
  requireTenant(act.caller, key.tenant)
  if (!mayEnd(act.caller, key)) throw new LanyardError('agent_unknown', 'an agent may revoke only its own certificates')
  const owner = yield* requireAgent(rows, key, act)
  const held = yield* rows.lineages.ofAgent(key)
  return { owner, revoked: yield* takeLineages(rows, toll, held, reason, act) }
}

function* revokeLineage(rows: Rows, toll: Toll, serial: string, reason: string, act: OwnAct): Step<Taken> {
  const owner = yield* rows.certificates.findBySerial(serial, act.caller.tenant)
  if (!owner || !mayEnd(act.caller, owner)) throw new LanyardError('not_found', `there is no certificate ${serial}`)
  const subject = yield* rows.lineages.subject(owner.lineage)
  return { owner, revoked: subject ? yield* takeLineages(rows, toll, [subject.lineage], reason, act) : [] }
}

function mayEnd(caller: Caller, { tenant, agent }: AgentKey): boolean {
  switch (caller.kind) {
    case 'api-key':
    case 'principal':
      return true
    case 'agent-token':
    case 'agent-certificate':
      return caller.tenant === tenant && caller.agent === agent
    // A node withdraws what it serves by asking no more; what it got ends by a ban.
    case 'node-certificate':
    // These open what they are for, and end nothing.
    case 'external-token':
    case 'agent-secret':
      return false
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}
