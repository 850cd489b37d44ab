import { LanyardError } from '@lanyard/api'
import type { SecretCaller } from '../caller.ts'
import type { Rows, SecretState, Step } from '../ports.ts'

/** Asks inside a transaction whether a secret is still the agent's current one, and keeps others from it. Throws `secret_superseded`, `secret_revoked`. */
export function* requireCurrentSecret(rows: Rows, { secret: id }: SecretCaller): Step<void> {
  requireCurrent(yield* rows.secrets.claim(id))
}

/** The secret, if it counts. Throws `unauthenticated`, `secret_superseded`, `secret_revoked`. */
export function requireCurrent(secret: SecretState | undefined): SecretState {
  if (secret === undefined) throw new LanyardError('unauthenticated', 'this secret is not known')
  switch (secret.standing) {
    case 'current':
      return secret
    case 'superseded':
      throw new LanyardError('secret_superseded', `secret ${secret.id} was exchanged for a newer one`)
    case 'revoked':
      throw new LanyardError('secret_revoked', `secret ${secret.id} was revoked`)
    default:
      throw new LanyardError('unauthenticated', `unknown standing ${String(secret.standing satisfies never)}`)
  }
}
