import { LanyardError } from '@lanyard/api'
import type { Rows, Step } from '../ports.ts'
import { deadAmong } from './deaths.ts'

interface Made {
  readonly keyThumbprint: string
  readonly issuerKeyId: string
}

/**
 * What kills a certificate beside its agent, tenant and lineage, of which the liveness gate asks: `key_killed`, or
 * `certificate_revoked` where the instance that issued it was evicted; null: nothing.
 */
export function* killedCredential(rows: Rows, { keyThumbprint, issuerKeyId }: Made): Step<LanyardError | null> {
  const dead = yield* deadAmong(rows, [
    ['key', keyThumbprint],
    ['issuer', issuerKeyId],
  ])
  if (dead.size === 0) return null
  if (dead.has(`key ${keyThumbprint}`)) return new LanyardError('key_killed', 'the key of this certificate was killed')
  return new LanyardError('certificate_revoked', 'the instance that issued this certificate was evicted')
}

/** Throws `key_killed`: of certificates of others, which have no issuer of ours. */
export function* requireUnkilledKey(rows: Rows, keyThumbprint: string): Step<void> {
  const dead = yield* deadAmong(rows, [['key', keyThumbprint]])
  if (dead.size > 0) throw new LanyardError('key_killed', 'the key of this certificate was killed')
}

/** Throws what {@link killedCredential} gives. */
export function* requireUnkilledCredential(rows: Rows, made: Made): Step<void> {
  const killed = yield* killedCredential(rows, made)
  if (killed !== null) throw killed
}
