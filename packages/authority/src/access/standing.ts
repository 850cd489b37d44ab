import { LanyardError } from '@lanyard/api'
import type { PrincipalCaller } from '../caller.ts'
import type { Rows, Step } from '../ports.ts'

/**
 * Asks inside a transaction whether a principal still counts: it is not shut out, and every grant that it acts by is still
 * there. One that was taken away since may be what allowed this. Throws `principal_barred`, `unauthenticated`.
 */
export function* requirePrincipalStanding(rows: Rows, caller: PrincipalCaller, at: number): Step<void> {
  if (yield* rows.barredPrincipals.isBarred(caller.id))
    throw new LanyardError('principal_barred', `principal ${caller.id} was shut out by a kill`)
  for (const { binding: id } of caller.grants) {
    const binding = yield* rows.bindings.find(id)
    if (binding === undefined || (binding.expiresAt !== null && at >= binding.expiresAt))
      throw new LanyardError('unauthenticated', 'a role that this call is by was taken away meanwhile')
  }
}
