import { EXTERNAL_ALGORITHMS, LanyardError } from '@lanyard/api'
import { decodeBase64Url, decodeUtf8, type JsonObject, parseJsonObject } from '@lanyard/protocol'

/** Longest token of others that is read, in characters. */
export const MAX_TOKEN = 16_384
const MAX_HEADER = 2048
const MAX_KID = 512
// The deepest claims of a real provider have five levels.
const MAX_DEPTH = 16
// RFC 9068, 4 and RFC 8725, 3.11. Ours (`lanyard-…`), `wit+jwt`, `secevent+jwt`, `dpop+jwt`, `logout+jwt` are none of
// them.
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt', 'jose']
// jwk, jku, x5c and x5u would let the sender choose the key, crit and b64 the rules, zip and enc the form.
const FORBIDDEN = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'zip', 'enc', 'cty'] as const

/** A token that was taken apart, and nothing more: whoever sent it may have written all of this. */
export interface ReadToken {
  readonly alg: string
  /** Null: it names no key. */
  readonly kid: string | null
  /** Compared with what is expected before keys are asked for; claims are read again from what was verified. */
  readonly unverifiedIssuer: string
  /** What the signature is over, text of ASCII. */
  readonly signingInput: string
}

/**
 * Takes a compact JWT apart. Throws `external_token_invalid` for what is none, is too large, or asks by its header for
 * other rules than ours.
 */
export function readToken(token: string): ReadToken {
  const [head, body, signature] = partsOf(token)
  const header = readHeader(head)
  // jose reads other spellings of the same octets too: padded, with a stray bit at the end.
  decodeBase64Url(signature)
  const { iss } = readClaims(decodeBase64Url(body))
  if (typeof iss !== 'string') throw invalid('expected iss as a string')
  return { ...header, unverifiedIssuer: iss, signingInput: `${head}.${body}` }
}

/** Claims, whoever wrote them. Throws ProtocolError `json_*`, and `text_*` for what is no UTF-8. */
export function readClaims(payload: Uint8Array): JsonObject {
  return parseJsonObject(decodeUtf8(payload), { maxLength: MAX_TOKEN, maxDepth: MAX_DEPTH })
}

function partsOf(token: string): [string, string, string] {
  if (token.length > MAX_TOKEN) throw invalid(`expected at most ${MAX_TOKEN} characters, got ${token.length}`)
  const parts = token.split('.', 4)
  if (parts.length !== 3 || parts.some(part => part === '')) throw invalid('expected a signed JWT in three parts')
  return parts as [string, string, string]
}

function readHeader(part: string): Pick<ReadToken, 'alg' | 'kid'> {
  const header = parseJsonObject(decodeUtf8(decodeBase64Url(part)), { maxLength: MAX_HEADER, maxDepth: 4 })
  const forbidden = FORBIDDEN.find(name => Object.hasOwn(header, name))
  if (forbidden) throw invalid(`expected no header ${forbidden}`)
  const { alg, kid = null, typ } = header
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.includes(typ.toLowerCase())))
    throw invalid(`expected typ JWT or at+jwt, got ${shown(typ)}`)
  if (typeof alg !== 'string' || !(EXTERNAL_ALGORITHMS as readonly string[]).includes(alg))
    throw invalid(`expected alg to be one of ${EXTERNAL_ALGORITHMS.join(', ')}, got ${shown(alg)}`)
  if (kid !== null && (typeof kid !== 'string' || kid.length > MAX_KID))
    throw invalid(`expected kid as a string of at most ${MAX_KID} characters`)
  return { alg, kid }
}

export const invalid = (detail: string, extras = {}): LanyardError =>
  new LanyardError('external_token_invalid', detail, extras)

/** A value of the sender's, short and without control characters, for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'none'
  const text = typeof value === 'string' ? value : typeof value
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}
