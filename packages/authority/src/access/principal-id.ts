import { type Crypto, toHex } from '@lanyard/protocol'
import { lengthPrefixed } from '../length-prefixed.ts'

/** What a principal is known by: the issuer's id and the subject, a distinguished name, or a SPIFFE ID. */
export type PrincipalParts =
  | readonly ['user', issuer: string, subject: string]
  | readonly ['certificate', dn: string]
  | readonly ['spiffe-id', id: string]

/**
 * The id of a principal, 32 hex digits: the same at each call, whatever the token. Each part stands behind its length,
 * so that nobody can choose a subject that reads as another issuer's. That of a user begins as those of all users of
 * its issuer, so that what they made is found together.
 */
export function principalIdOf(parts: PrincipalParts, crypto: Crypto): string {
  const hash = toHex(crypto.sha256(lengthPrefixed(parts)))
  return ((parts[0] === 'user' ? usersOf(parts[1]) : '') + hash).slice(0, 32)
}

/** How the ids of all users of an issuer begin: of its own id, which is random, 48 bits. */
export const usersOf = (issuer: string): string => issuer.slice(-12)
