import type { SignatureAlgorithm } from '../algorithms.ts'
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../base64.ts'
import { decodeUtf8, encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import type { Crypto, Signer } from '../ports.ts'
import { type JsonObject, type JsonValue, parseJsonObject } from './json.ts'

/** Longest token that is read when the caller names no other limit, in bytes. */
export const MAX_TOKEN_BYTES = 8192
const MAX_HEADER_CHARACTERS = 1024
/** Most certificates in a header, and characters of a header that may hold them: four of 4096 bits and long names. */
const MAX_CHAIN = 4
const MAX_CHAIN_HEADER_CHARACTERS = 16_384

/** A public key and the one algorithm that it is used with. Its owner says which; a message never does (RFC 8725, 3.1). */
export interface VerifyKey {
  readonly algorithm: SignatureAlgorithm
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/** The only headers that are read. Every other one is refused, whatever it says. */
export interface JwsHeader {
  readonly alg: string
  readonly kid: string
  readonly typ?: string
  /** DER, the certificate of the signing key first (RFC 7515, 4.1.6). Read only where the caller asks for it. */
  readonly x5c?: readonly Uint8Array[]
}

/** A token that has been taken apart, and nothing more: whoever sent it may have written all of this. */
export interface UnverifiedJws {
  readonly header: JwsHeader
  readonly unverifiedPayload: Uint8Array
  readonly signingInput: Uint8Array
  readonly signature: Uint8Array
}

export interface VerifiedJws {
  readonly header: JwsHeader
  readonly payload: Uint8Array
}

export interface CompactExpectation {
  /** The kind of token, exactly (RFC 8725, 3.11). */
  readonly typ: string
  /** The algorithms that this use allows at all. The key then decides which of them. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** {@link MAX_TOKEN_BYTES} when absent. */
  readonly maxBytes?: number
}

/**
 * The payload of a compact JWS that one of `keys` (by `kid`) has signed.
 *
 * @throws ProtocolError `jws_too_large`, `jws_malformed`, `json_*`, `jws_header_invalid`, `jws_header_forbidden`,
 *   `jws_type_mismatch`, `jws_algorithm_forbidden`, `jws_key_unknown`, `jws_algorithm_mismatch`,
 *   `jws_signature_invalid` (RFC 7515, 5.2)
 */
export function verifyCompact(
  token: string,
  keys: ReadonlyMap<string, VerifyKey>,
  expected: CompactExpectation,
  crypto: Crypto,
): VerifiedJws {
  const jws = readCompact(token, expected.maxBytes)
  const { alg, kid, typ } = jws.header
  if (typ !== expected.typ)
    throw new ProtocolError('jws_type_mismatch', `expected typ ${expected.typ}, got ${shown(typ)}`)
  if (!expected.algorithms.some(row => row.jose === alg))
    throw new ProtocolError('jws_algorithm_forbidden', `expected an allowed algorithm, got ${shown(alg)}`)
  const key = keys.get(kid)
  if (key === undefined) throw new ProtocolError('jws_key_unknown', `expected a known key, got kid ${shown(kid)}`)
  return { header: jws.header, payload: verifyRead(jws, key, crypto) }
}

/**
 * Takes a compact JWS apart without judging its signature, for callers that must read a claim to find the keys.
 *
 * @throws ProtocolError `jws_too_large`, `jws_malformed`, `json_*`, `jws_header_invalid`, `jws_header_forbidden`
 */
export function readCompact(token: string, maxBytes = MAX_TOKEN_BYTES): UnverifiedJws {
  return takeApart(token, maxBytes, readHeader)
}

/**
 * The same for kinds of token that may bring the certificates of their key, which the caller then proves before it
 * believes a word.
 *
 * @throws ProtocolError as {@link readCompact}
 */
export function readCompactWithChain(token: string, maxBytes: number): UnverifiedJws {
  return takeApart(token, maxBytes, readChainHeader)
}

function takeApart(token: string, maxBytes: number, read: (part: string) => JwsHeader): UnverifiedJws {
  if (token.length > maxBytes)
    throw new ProtocolError('jws_too_large', `expected at most ${maxBytes} bytes, got ${token.length}`)
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second < 0 || second === token.length - 1)
    throw new ProtocolError('jws_malformed', 'expected three parts with a dot between two')
  return {
    header: read(token.slice(0, first)),
    unverifiedPayload: decodePart(token.slice(first + 1, second)),
    signingInput: asciiBytes(token.slice(0, second)),
    // A third dot is no base64url, so that five parts (JWE) end here too.
    signature: decodePart(token.slice(second + 1)),
  }
}

/**
 * The payload of a token that has been taken apart, once its signature holds under `key`.
 *
 * @throws ProtocolError `jws_algorithm_mismatch`, `jws_signature_invalid`
 */
export function verifyRead(jws: UnverifiedJws, key: VerifyKey, crypto: Crypto): Uint8Array {
  if (key.algorithm.jose !== jws.header.alg)
    throw new ProtocolError(
      'jws_algorithm_mismatch',
      `expected ${key.algorithm.jose} as the key says, got ${shown(jws.header.alg)}`,
    )
  if (!crypto.verify(key.algorithm, key.spki, jws.signingInput, jws.signature, 'raw'))
    throw new ProtocolError('jws_signature_invalid', `expected a signature by key ${shown(jws.header.kid)}`)
  return jws.unverifiedPayload
}

export interface CompactInput {
  /** `alg` is the signer's and cannot be given. */
  readonly header: { readonly kid: string; readonly typ?: string; readonly x5c?: readonly Uint8Array[] }
  readonly payload: Uint8Array
}

/**
 * A compact JWS: at once when the signer answers at once, otherwise a promise of it.
 *
 * @throws TypeError when the signer's algorithm has no name in JOSE
 */
export function signCompact(input: CompactInput, signer: Signer): string | Promise<string> {
  const { kid, typ } = input.header
  const x5c = input.header.x5c?.map(encodeBase64)
  const alg = signer.algorithm.jose
  if (alg === null) throw new TypeError(`${signer.algorithm.name} has no name in JOSE`)
  const header = encodeBase64Url(encodeUtf8(JSON.stringify({ alg, kid, typ, x5c })))
  const signingInput = `${header}.${encodeBase64Url(input.payload)}`
  const signature = signer.sign(asciiBytes(signingInput), 'raw')
  const finish = (bytes: Uint8Array) => `${signingInput}.${encodeBase64Url(bytes)}`
  return signature instanceof Uint8Array ? finish(signature) : signature.then(finish)
}

/** Bytes of base64url and dots, for which UTF-8 has nothing to decide (RFC 7515, 5.1: ASCII). */
function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function decodePart(part: string): Uint8Array {
  try {
    return decodeBase64Url(part)
  } catch (cause) {
    throw new ProtocolError('jws_malformed', 'expected base64url without padding', { cause })
  }
}

function readHeader(part: string): JwsHeader {
  // jwk, jku, x5c and x5u would let the sender choose the key, crit and b64 the rules, zip the size (RFC 8725, 3.10).
  return parseHeader(part, MAX_HEADER_CHARACTERS, ['alg', 'kid', 'typ']).header
}

function readChainHeader(part: string): JwsHeader {
  const { header, members } = parseHeader(part, MAX_CHAIN_HEADER_CHARACTERS, ['alg', 'kid', 'typ', 'x5c'])
  return members.x5c === undefined ? header : { ...header, x5c: readChain(members.x5c) }
}

function parseHeader(part: string, maxLength: number, names: readonly string[]) {
  // Judged before it is decoded; base64 is never shorter than what it says.
  if (part.length > maxLength * 2)
    throw new ProtocolError('json_too_large', `expected a header of at most ${maxLength} characters`)
  const members = parseJsonObject(decodeHeaderText(decodePart(part)), { maxLength, maxDepth: 4 })
  for (const name of Object.keys(members))
    if (!names.includes(name))
      throw new ProtocolError('jws_header_forbidden', `expected no headers but ${names.join(', ')}, got ${shown(name)}`)
  const header: JwsHeader = { alg: requireText(members, 'alg'), kid: requireText(members, 'kid'), ...readType(members) }
  return { header, members }
}

/** RFC 7515, 4.1.6: base64 with padding, unlike all else in a token. */
function readChain(value: JsonValue): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CHAIN)
    throw new ProtocolError('jws_header_invalid', `expected x5c as an array of one to ${MAX_CHAIN} certificates`)
  return value.map((item: JsonValue) => {
    if (typeof item !== 'string') throw new ProtocolError('jws_header_invalid', 'expected x5c as an array of texts')
    try {
      return decodeBase64(item)
    } catch (cause) {
      throw new ProtocolError('jws_header_invalid', 'expected x5c in base64 with padding', { cause })
    }
  })
}

function readType(header: JsonObject): { typ?: string } {
  return header.typ === undefined ? {} : { typ: requireText(header, 'typ') }
}

function requireText(header: JsonObject, name: string): string {
  const value = header[name]
  if (typeof value !== 'string' || value === '')
    throw new ProtocolError('jws_header_invalid', `expected ${name} as a string that is not empty`)
  return value
}

function decodeHeaderText(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes)
  } catch (cause) {
    throw new ProtocolError('jws_malformed', 'expected a header in UTF-8', { cause })
  }
}

/** A value of the sender's, short and without control characters, for a message. */
function shown(value: string | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
}
