import { LanyardError } from '@lanyard/api'
import type { AccessGrant, PrincipalCaller } from '../caller.ts'
import { requireUnkilledKey } from '../kill/credential.ts'
import type { Rows, Step } from '../ports.ts'
import { hasEnded } from './ended.ts'
import { permissionsOfRole } from './roles.ts'
import { shutOutOf } from './shut-out.ts'

/**
 * Asks inside a transaction whether a principal still counts: it is not shut out, and every grant that it acts by is as
 * it was, with its issuer still vouching. One that was taken away since may be what allowed this. Throws
 * `principal_barred`, `credential_too_old`, `key_killed`, `unauthenticated`.
 */
export function* requirePrincipalStanding(rows: Rows, caller: PrincipalCaller, at: number): Step<void> {
  if (caller.keyThumbprint !== undefined) yield* requireUnkilledKey(rows, caller.keyThumbprint)
  const { admits, refusal } = yield* shutOutOf(rows, caller)
  if (!caller.grants.every(({ tenant }) => admits(tenant))) throw refusal()
  for (const grant of caller.grants) yield* requireGrant(rows, grant, at)
}

function* requireGrant(rows: Rows, grant: AccessGrant, at: number): Step<void> {
  const binding = yield* rows.bindings.find(grant.binding)
  if (binding === undefined || hasEnded(binding, at)) throw changed('taken away')
  if (binding.issuer !== null && (yield* rows.issuers.find(binding.issuer))?.enabled !== true)
    throw changed('given by an issuer that vouches no more')
  const held = yield* permissionsOfRole(rows, binding.role, binding.tenant)
  if (![...grant.permissions].every(permission => held.has(permission))) throw changed('changed')
}

const changed = (how: string) => new LanyardError('unauthenticated', `a role that this call is by was ${how} meanwhile`)
