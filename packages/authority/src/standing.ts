import { LanyardError } from '@lanyard/api'
import { permissionsOfRole } from './access/roles.ts'
import { requirePrincipalStanding } from './access/standing.ts'
import type { Act, ApiKeyCaller, CertificateCaller, SecondFactor, TokenCaller } from './caller.ts'
import { requireVouching } from './federation/standing.ts'
import { requireUnkilledCredential, requireUnkilledKey } from './kill/credential.ts'
import { requireAlive, requireOpenLineage } from './liveness.ts'
import { requireNodeStanding } from './nodes/standing.ts'
import type { Rows, Step } from './ports.ts'
import { requireCounting } from './registry/api-keys.ts'
import { requireCurrentSecret } from './secrets/standing.ts'

/**
 * Asks inside the transaction of an act whether its caller's credential still counts. It was judged when the head of
 * the request came, and whoever holds the body back could act with a key that has been deleted meanwhile: make another
 * one. Throws `unauthenticated`, for agents what the liveness gate throws, for nodes `node_unknown` and `node_banned`.
 */
export function* requireStanding(rows: Rows, { caller, at }: Act): Step<void> {
  if (caller === 'server') return
  switch (caller.kind) {
    case 'api-key':
      return yield* requireKeyStanding(rows, caller, at)
    case 'principal':
      if (caller.svid !== null) yield* requireAgentStanding(rows, caller.svid, at)
      return yield* requirePrincipalStanding(rows, caller, at)
    case 'external-token':
      return yield* requireVouching(rows, caller)
    case 'agent-secret':
      yield* requireCurrentSecret(rows, caller)
      return yield* requireFactorStanding(rows, caller.factor, at)
    case 'node-certificate':
      yield* requireNodeStanding(rows, caller)
      return
    case 'agent-token':
    case 'agent-certificate':
      return yield* requireAgentStanding(rows, caller, at)
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}

function* requireKeyStanding(rows: Rows, caller: ApiKeyCaller, at: number): Step<void> {
  const { role, tenant } = requireCounting(yield* rows.apiKeys.find(caller.id), at)
  const held = yield* permissionsOfRole(rows, role, tenant)
  if (![...caller.permissions].every(permission => held.has(permission)))
    throw new LanyardError('unauthenticated', `the role of API key ${caller.id} was changed meanwhile`)
}

function* requireFactorStanding(rows: Rows, factor: SecondFactor | null, at: number): Step<void> {
  if (factor?.kind === 'svid') return yield* requireAgentStanding(rows, factor.certificate, at)
  if (factor?.kind === 'certificate') yield* requireUnkilledKey(rows, factor.keyThumbprint)
}

function* requireAgentStanding(rows: Rows, caller: TokenCaller | CertificateCaller, at: number): Step<void> {
  const subject = yield* rows.lineages.subject(caller.lineage)
  if (!subject) throw new LanyardError('lineage_ended', 'the lineage of this credential is not known')
  requireAlive(subject, caller.incarnation)
  requireOpenLineage(subject, at)
  if (caller.kind === 'agent-certificate') yield* requireUnkilledCredential(rows, caller)
}
