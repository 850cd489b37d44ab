import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import {
  type Caller,
  freshLineage,
  isoTime,
  openLineage,
  type PrincipalCaller,
  redactText,
  requireTenant,
  revokeCertificates,
  shared,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { mintAgentToken } from './agent-tokens.ts'
import { act, byAgent, byManager, urgentAct } from './call.ts'
import { readCsr } from './csr.ts'
import { showIssued } from './issued.ts'
import { locksOfRevocation } from './locks.ts'
import { SelfRevocations } from './self-revocations.ts'
import { tellingMint } from './telling-mint.ts'

type Mine = 'bootstrapAgent' | 'issueCert' | 'revokeCert' | 'whoami'

/** What agents live by: their token, their certificates, the end of these. */
export function agentHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { rows, clock, dice, issuing, maxLineageSec } = ports
  const selfRevocations = new SelfRevocations(ports)
  const telling = tellingMint(ports)
  return {
    async bootstrapAgent(call) {
      const fresh = freshLineage(dice)
      const own = byManager(call)
      const { agent, lineage } = await telling(own, call.body, () =>
        act(ports, own, shared(call.body.tenant), told => openLineage(rows, call.body, fresh, maxLineageSec, told)),
      )
      return await mintAgentToken(ports, agent, lineage)
    },

    async issueCert(call) {
      const { caller } = byAgent(call)
      const { source, requestId: correlation, body } = call
      const csr = readCsr(body.csr)
      const issued = await issuing.issue({ caller, csr, ttlSec: body.ttl_sec, source, correlation })
      return { ...showIssued(issued), reputation_tier: issued.tier }
    },

    async revokeCert(call) {
      const { reason: said, ...target } = call.body
      const reason = redactText(said)
      if (call.caller.kind !== 'api-key' && call.caller.kind !== 'principal') {
        const { caller, source, requestId: correlation } = byAgent(call)
        if ('tenant' in target) requireTenant(caller, target.tenant)
        const own = { target, reason, act: { caller, at: clock.now(), source, correlation } }
        return { revoked: [...(await selfRevocations.revoke(own))] }
      }
      const locks = await locksOfRevocation(ports, target, call.caller)
      const { done } = await urgentAct(ports, call, locks, told => revokeCertificates(rows, target, reason, told))
      return { revoked: [...done] }
    },

    whoami: ({ caller }) => showCaller(caller),
  }
}

function showCaller(caller: Caller) {
  const { kind } = caller
  const expires_at = isoTime(caller.expiresAt)
  const permissions = [...caller.permissions].sort()
  const plain = { method: null, grants: [] }
  if (kind === 'principal') return showPrincipal(caller)
  if (kind === 'api-key') {
    const { id, name, role, tenant } = caller
    return { ...plain, kind, id, name, role, permissions, tenant, agent: null, spiffe_id: null, expires_at }
  }
  if (kind !== 'agent-token' && kind !== 'agent-certificate')
    throw new LanyardError('unauthenticated', `expected another credential than ${kind}`)
  const { tenant, agent, spiffeId } = caller
  const id = kind === 'agent-token' ? caller.jti : caller.serial
  return { ...plain, kind, id, name: null, role: 'agent', permissions, tenant, agent, spiffe_id: spiffeId, expires_at }
}

function showPrincipal(caller: PrincipalCaller) {
  const { kind, id, name, method, tenant, grants } = caller
  return {
    ...{ kind, id, name, method, tenant },
    role: [...new Set(grants.map(({ role }) => role))].sort().join(' '),
    permissions: [...caller.permissions].sort(),
    agent: caller.svid?.agent ?? null,
    spiffe_id: caller.svid?.spiffeId ?? null,
    expires_at: isoTime(caller.expiresAt),
    grants: grants.map(({ role, tenant: within, agents, expiresAt }) => ({
      ...{ role, tenant: within, agents },
      expires_at: expiresAt === null ? null : isoTime(expiresAt),
    })),
  }
}
