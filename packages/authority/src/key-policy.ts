import { type KeyPolicy, LanyardError } from '@lanyard/api'
import type { KeyType, PublicKeyInfo } from '@lanyard/protocol'

/** Key types that a certificate may carry, by the tenant's key policy. */
export const KEY_POLICY = {
  'rsa-only': ['RSA'],
  modern: ['RSA', 'P-256', 'P-384', 'Ed25519'],
} as const satisfies Record<KeyPolicy, readonly KeyType[]>

/**
 * Throws `key_type_forbidden` unless the policy allows the key, judged by the algorithm OID of its
 * SubjectPublicKeyInfo. Sizes and exponents were judged before the signature of the CSR was (RSA of 2048 to 4096 bits).
 */
export function requireKeyType(policy: KeyPolicy, key: PublicKeyInfo): void {
  const allowed: readonly KeyType[] = KEY_POLICY[policy]
  if (key.type !== null && allowed.includes(key.type)) return
  const got = key.type === null ? `OID ${key.oid}` : `${key.type} (OID ${key.oid})`
  throw new LanyardError('key_type_forbidden', `key policy ${policy} allows ${allowed.join(', ')}, got ${got}`, {
    got,
    allowed,
  })
}
