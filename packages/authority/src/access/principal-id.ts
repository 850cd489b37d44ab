import { type Crypto, concat, encodeUtf8, toHex } from '@lanyard/protocol'

/** What a principal is known by: the issuer's id and the subject, a distinguished name, or a SPIFFE ID. */
export type PrincipalParts =
  | readonly ['user', issuer: string, subject: string]
  | readonly ['certificate', dn: string]
  | readonly ['spiffe-id', id: string]

/**
 * The id of a principal, 32 hex digits: the same at each call, whatever the token. Each part stands behind its length, so
 * that nobody can choose a subject that reads as another issuer's.
 */
export function principalIdOf(parts: PrincipalParts, crypto: Crypto): string {
  const framed = parts.map(encodeUtf8).flatMap(bytes => [lengthOf(bytes), bytes])
  return toHex(crypto.sha256(concat(...framed)).subarray(0, 16))
}

const lengthOf = ({ length }: Uint8Array) =>
  Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255)
