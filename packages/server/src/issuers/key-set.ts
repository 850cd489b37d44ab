import { createPublicKey, type KeyObject } from 'node:crypto'
import { EXTERNAL_ALGORITHMS } from '@lanyard/api'
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  joseAlgorithmsFor,
  parseJsonObject,
  parsePublicKey,
  spkiFromJwk,
} from '@lanyard/protocol'
import { OutboundError } from '../outbound/ports.ts'
import { invalid, shown } from './read-token.ts'

/** Bytes of a JWK Set or a discovery document. */
export const MAX_DOCUMENT = 65_536
const MAX_KEYS = 20

/** A public key of a provider, with what it may verify. */
export interface ProviderKey {
  readonly kid: string | null
  /** Names of JOSE that fit the key, and what its JWK says of it. */
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

/** Which key a token asks for. */
export interface WantedKey {
  readonly alg: string
  readonly kid: string | null
}

/**
 * The keys of a JWK Set (RFC 7517, 5) that can verify anything of ours: RSA of 2048 to 4096 bits, P-256, P-384 and
 * Ed25519. Others are left out, as are keys for encryption, shared secrets, and private keys, which whoever reads them
 * can use.
 *
 * @throws OutboundError `refused` for what is no set, or one of too many keys
 */
export function readKeySet(text: string): readonly ProviderKey[] {
  const { keys } = readDocument(text)
  if (!Array.isArray(keys)) throw new OutboundError('refused', 'expected a JWK Set with keys')
  if (keys.length > MAX_KEYS)
    throw new OutboundError('refused', `expected at most ${MAX_KEYS} keys, got ${keys.length}`)
  return keys.flatMap((jwk: JsonValue) => (isJsonObject(jwk) ? (readKey(jwk) ?? []) : []))
}

/** A JSON object of a provider. Throws OutboundError `refused`. */
export function readDocument(text: string): JsonObject {
  try {
    return parseJsonObject(text, { maxLength: MAX_DOCUMENT, maxDepth: 10 })
  } catch (cause) {
    throw new OutboundError('refused', 'expected a JSON object', { cause })
  }
}

function readKey(jwk: JsonObject): ProviderKey | null {
  // RFC 7517, 4.2 and 4.3.
  if (jwk.use !== undefined && jwk.use !== 'sig') return null
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return null
  if (jwk.kid !== undefined && typeof jwk.kid !== 'string') return null
  try {
    const spki = spkiFromJwk(jwk)
    const algorithms = algorithmsOf(spki, jwk)
    // A point that is not on its curve is refused here.
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
    return algorithms.length === 0 ? null : { kid: jwk.kid ?? null, algorithms, key }
  } catch {
    return null
  }
}

function algorithmsOf(spki: Uint8Array, jwk: JsonObject): readonly string[] {
  const { type } = parsePublicKey(spki)
  const fitting = type === null ? [] : joseAlgorithmsFor(type).map(row => row.jose)
  const known = EXTERNAL_ALGORITHMS.filter(name => fitting.includes(name))
  return jwk.alg === undefined ? known : known.filter(name => name === jwk.alg)
}

/**
 * The one key for a token; null where a newer set may have it. The key decides what it verifies: one of that name that
 * does not fit `alg` refuses. Throws `external_token_invalid`.
 */
export function chooseKey(keys: readonly ProviderKey[], { alg, kid }: WantedKey): ProviderKey | null {
  const named = kid === null ? keys : keys.filter(key => key.kid === kid)
  const fitting = named.filter(key => key.algorithms.includes(alg))
  if (fitting.length > 1)
    throw invalid(
      kid === null
        ? `expected kid, since several keys of the provider fit ${alg}`
        : `expected one key, but several of the provider are called ${shown(kid)}`,
    )
  if (fitting.length === 0 && kid !== null && named.length > 0)
    throw invalid(`expected alg as the key ${shown(kid)} has it, got ${alg}`)
  return fitting[0] ?? null
}
