import { LanyardError } from '@lanyard/api'
import type { SecretCaller } from '../caller.ts'
import { requireAlive } from '../liveness.ts'
import type { Rows, SecretState, Step } from '../ports.ts'

/**
 * Asks inside a transaction whether a secret is still the agent's current one and the agent alive, and keeps others
 * from the secret. Throws `secret_superseded`, `secret_revoked`, and what the liveness gate refuses with.
 */
export function* requireCurrentSecret(rows: Rows, { secret: id }: SecretCaller): Step<void> {
  const secret = requireLiveSecret(yield* rows.secrets.claim(id))
  const agent = yield* rows.agents.find(secret)
  const tenant = yield* rows.tenants.find(secret.tenant)
  if (!agent || !tenant) throw new LanyardError('unauthenticated', 'the agent of this secret is not known')
  requireAlive({ tenant, agent }, secret.incarnation)
}

/** The secret, if it counts. Throws `unauthenticated`, `secret_superseded`, `secret_revoked`. */
export function requireLiveSecret(secret: SecretState | undefined): SecretState {
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
