import { ProtocolError } from '../errors.ts'
import type { PublicKeyInfo } from './public-key.ts'

/** Which RSA keys are verified with. Other types have one size each. */
export interface RsaLimits {
  readonly minBits: number
  readonly maxBits: number
  readonly minExponent: bigint
  readonly maxExponent: bigint
}

export const RSA_LIMITS: RsaLimits = {
  minBits: 2048,
  maxBits: 4096,
  // Small exponents make forgeries of lenient padding checks cheap; FIPS 186-5, A.1.1 begins at 65537.
  minExponent: 65_537n,
  // A verification costs as many multiplications as the exponent has bits: with 2,047 of them, a hundred times as many.
  maxExponent: 0xffff_ffffn,
}

/**
 * The key, if a verification with it is safe and cheap; to be asked before every signature of a stranger's key.
 *
 * @throws ProtocolError `key_type_forbidden`, `key_too_small`, `key_too_large`, `key_exponent_forbidden`
 */
export function requireKeyLimits(key: PublicKeyInfo, limits: RsaLimits = RSA_LIMITS): PublicKeyInfo {
  const { type, bits, exponent, oid, curve } = key
  if (type === null)
    throw new ProtocolError('key_type_forbidden', `expected RSA, P-256, P-384, P-521 or Ed25519, got ${curve ?? oid}`)
  if (exponent === undefined) return key
  const { minBits, maxBits, minExponent, maxExponent } = limits
  if (bits < minBits) throw new ProtocolError('key_too_small', `expected RSA of at least ${minBits} bits, got ${bits}`)
  if (bits > maxBits) throw new ProtocolError('key_too_large', `expected RSA of at most ${maxBits} bits, got ${bits}`)
  if (exponent < minExponent || exponent > maxExponent || exponent % 2n === 0n)
    throw new ProtocolError('key_exponent_forbidden', `expected an odd exponent from ${minExponent} to ${maxExponent}`)
  return key
}
