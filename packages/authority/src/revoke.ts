import { LanyardError } from '@lanyard/api'
import { type Act, type Caller, requireTenant } from './caller.ts'
import { eventOf } from './event.ts'
import type { AgentKey, CertificateState, LineageState, Rows, Step } from './ports.ts'
import { requireAgent } from './registry/agents.ts'

/** What is revoked: the certificate's whole lineage, or all that the agent holds. */
export type Target = { readonly serial: string } | AgentKey

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
  const revocation = { at: act.at, reason }
  const { agent, revoked } =
    'serial' in target
      ? yield* revokeLineage(rows, target.serial, revocation, act)
      : yield* revokeAgent(rows, target, revocation, act)
  yield* rows.events.append(eventOf(act, 'cert.revoked', agent, { reason, revoked }))
  yield* rows.epoch.bump()
  return revoked
}

interface Revoked {
  readonly agent: AgentKey
  readonly revoked: readonly string[]
}
type Revocation = { readonly at: number; readonly reason: string }
type OwnAct = Act & { readonly caller: Caller }

function* revokeAgent(rows: Rows, key: AgentKey, revocation: Revocation, act: OwnAct): Step<Revoked> {
  requireTenant(act.caller, key.tenant)
  if (act.caller.kind !== 'api-key' && act.caller.agent !== key.agent) {
    throw new LanyardError('agent_unknown', 'an agent may revoke only its own certificates')
  }
  const agent = yield* requireAgent(rows, key, act)
  yield* rows.lineages.endAll(key)
  return { agent, revoked: yield* rows.certificates.revoke(key, revocation) }
}

function* revokeLineage(rows: Rows, serial: string, revocation: Revocation, act: OwnAct): Step<Revoked> {
  const certificate = yield* rows.certificates.findBySerial(serial, act.caller.tenant)
  if (!certificate || !maySee(act.caller, certificate)) {
    throw new LanyardError('not_found', `there is no certificate ${serial}`)
  }
  const subject = yield* rows.lineages.subject(certificate.lineage)
  if (subject) yield* rows.lineages.change(certificate.lineage, ended(subject.lineage))
  return { agent: certificate, revoked: yield* rows.certificates.revoke({ lineage: certificate.lineage }, revocation) }
}

const maySee = (caller: Caller, certificate: CertificateState) =>
  caller.kind === 'api-key' || (caller.agent === certificate.agent && caller.tenant === certificate.tenant)

const ended = ({ generation, newestKey }: LineageState) => ({ standing: 'ended', generation, newestKey }) as const
