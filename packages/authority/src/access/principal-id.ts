import { type Crypto, toHex } from '@lanyard/protocol'
import { lengthPrefixed } from '../length-prefixed.ts'

/** What a principal is known by: the issuer's id and the subject, a distinguished name, or a SPIFFE ID. */
export type PrincipalParts =
  | readonly ['user', issuer: string, subject: string]
  | readonly ['certificate', dn: string]
  | readonly ['spiffe-id', id: string]

/**
 * The id of a principal, 32 hex digits: the same at each call, whatever the token. Each part stands behind its length,
 * so that nobody can choose a subject that reads as another issuer's.
 */
export function principalIdOf(parts: PrincipalParts, crypto: Crypto): string {
  return toHex(crypto.sha256(lengthPrefixed(parts)).subarray(0, 16))
}
