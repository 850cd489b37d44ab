import { ProtocolError } from '../errors.ts'

/**
 * Certificates in DER as a proxy passes them on, the client's own first. They are what somebody says: nothing of them
 * has been looked at.
 */
export type ForwardedChain = readonly [leaf: Uint8Array, ...rest: Uint8Array[]]

/** Characters of all headers together that speak of one client. */
export const MAX_FORWARDED_CHARS = 65_536
/** Certificates of one client, its own counted in. */
export const MAX_FORWARDED_CHAIN = 10

/** Asked before anything is decoded, so that a long header costs no more than its length. */
export function requireModest(...values: readonly string[]): void {
  const characters = values.reduce((sum, { length }) => sum + length, 0)
  if (characters <= MAX_FORWARDED_CHARS) return
  throw tooLarge(`expected at most ${MAX_FORWARDED_CHARS} characters, got ${characters}`)
}

export function requireShort(certificates: number): void {
  if (certificates > MAX_FORWARDED_CHAIN)
    throw tooLarge(`expected at most ${MAX_FORWARDED_CHAIN} certificates, got ${certificates}`)
}

export const malformed = (detail: string, cause?: unknown): ProtocolError =>
  new ProtocolError('forwarded_malformed', detail, { cause })

const tooLarge = (detail: string) => new ProtocolError('forwarded_too_large', detail)

/** Runs what decodes a part; throws `forwarded_malformed` in the place of what the part is refused with. */
export function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.code.startsWith('forwarded_')) throw cause
    throw malformed(`expected ${what}: ${cause.message}`, cause)
  }
}
