import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { type Crypto, encodeUtf8, type JsonObject, toHex } from '@lanyard/protocol'
import type { Outbound, OutboundRequest } from '../outbound/ports.ts'
import { MAX_DOCUMENT, readDocument } from './key-set.ts'
import type { Introspector, VerifiedToken } from './ports.ts'
import { MAX_TOKEN } from './read-token.ts'

const TIMEOUT_MS = 5000
const BELIEVED_MS = 30_000
const LEEWAY_MS = 10_000
/** The end of the year 9999: no time that is shown has five digits. */
const LAST_MS = 253_402_300_799_000
/** Answers of each kind that are remembered. Made-up tokens must not push out those that count. */
const MAX_ANSWERS = 5000
/**
 * Characters of all answers about tokens that are active. Whoever administers a tenant says whose answers these are,
 * and may send as many tokens as they like: 5,000 answers of 64 KiB are 4 GB once they are parsed.
 */
const MAX_CHARACTERS = 4_194_304
/**
 * Questions under way at once to one server: whoever sends made-up tokens must not send us at it. As many more are kept
 * for tokens that were active when it was last asked, or strangers could lock out everybody who is logged in.
 */
const MAX_UNDER_WAY = 64

export interface IntrospectionParts {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly crypto: Crypto
}

/** What was answered, of which length, and until when that is believed (Unix ms). */
interface Answer {
  /** Or why it is none. */
  readonly token: VerifiedToken | Refused
  readonly until: number
  readonly length: number
}

/**
 * `inactive`: its server does not know it, or no more. `unusable`: it does, and the token may open something elsewhere.
 */
type Refused = 'inactive' | 'unusable'

/**
 * Asks authorization servers about opaque tokens (RFC 7662), and remembers what they said for half a minute at most.
 */
export class Introspections {
  readonly #parts: IntrospectionParts
  readonly #active = new Map<string, Answer>()
  readonly #inactive = new Map<string, Answer>()
  /** Characters of those in {@link #active}. */
  #held = 0
  /** By server and client, then by token: one that is slow holds up nobody else's. */
  readonly #underWay = new Map<string, Map<string, Promise<Answer>>>()

  constructor(parts: IntrospectionParts) {
    this.#parts = parts
  }

  /**
   * Throws `unauthenticated`, `introspection_failed`, and `external_token_invalid` for a token that is active and does
   * not count here.
   */
  async ask(token: string, introspector: Introspector): Promise<VerifiedToken> {
    // RFC 6750, 2.1: other characters make no bearer token, and are told to nobody.
    if (token.length > MAX_TOKEN || !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) throw inactive()
    const { token: found } = await this.#answer(token, introspector)
    if (found === 'inactive') throw inactive()
    if (found === 'unusable') throw unusable()
    return found
  }

  async #answer(token: string, introspector: Introspector): Promise<Answer> {
    const hash = this.#hash(token)
    // With the secret: what one client was told is not for whoever only knows its name.
    const { url, clientId, clientSecret } = introspector
    const server = this.#hash(JSON.stringify([url, clientId, clientSecret]))
    const id = `${server} ${hash}`
    const known = this.#active.get(id) ?? this.#inactive.get(id)
    if (known && this.#isBelieved(known)) return known
    const most = this.#active.has(id) ? 2 * MAX_UNDER_WAY : MAX_UNDER_WAY
    const ask = async () => this.#remember(id, await this.#askNow(token, hash, introspector))
    return await this.#once(server, hash, most, ask)
  }

  async #once(server: string, hash: string, most: number, ask: () => Promise<Answer>): Promise<Answer> {
    const questions = this.#underWay.get(server) ?? new Map<string, Promise<Answer>>()
    const underWay = questions.get(hash)
    if (underWay) return await underWay
    if (questions.size >= most) throw failed('expected fewer questions at once')
    const asking = ask().finally(() => {
      questions.delete(hash)
      if (questions.size === 0) this.#underWay.delete(server)
    })
    this.#underWay.set(server, questions.set(hash, asking))
    return await asking
  }

  #hash(token: string): string {
    return toHex(this.#parts.crypto.sha256(encodeUtf8(token)))
  }

  #isBelieved({ until }: Answer): boolean {
    const left = until - this.#parts.clock.now()
    // A clock that was set back must not make an answer last.
    return left > 0 && left <= BELIEVED_MS
  }

  #remember(id: string, answer: Answer): Answer {
    this.#forget(id)
    const answers = typeof answer.token === 'string' ? this.#inactive : this.#active
    answers.set(id, answer)
    if (answers === this.#active) this.#held += answer.length
    while (answers.size > MAX_ANSWERS || this.#held > MAX_CHARACTERS) this.#forget(answers.keys().next().value!)
    return answer
  }

  #forget(id: string): void {
    this.#inactive.delete(id)
    this.#held -= this.#active.get(id)?.length ?? 0
    this.#active.delete(id)
  }

  async #askNow(token: string, hash: string, introspector: Introspector): Promise<Answer> {
    const { outbound, clock } = this.#parts
    const now = clock.now()
    const until = now + BELIEVED_MS
    const { said, length } = await reply(outbound, requestOf(token, introspector))
    // RFC 7662, 2.2: true and nothing like it.
    if (said.active !== true) return { token: 'inactive', until, length }
    const end = timeOf(said, 'exp')
    const expiresAt = Math.min(until, end ?? until)
    const begins = timeOf(said, 'nbf') ?? 0
    if (expiresAt <= now) return { token: 'inactive', until, length }
    if (begins > now + LEEWAY_MS || isBound(said)) return { token: 'unusable', until, length }
    const ends = end === null ? {} : { saidToEndAt: Math.min(end, LAST_MS) }
    const active: VerifiedToken = { claims: said, hash, issuedAt: timeOf(said, 'iat') ?? now, expiresAt, ...ends }
    return { token: active, until: expiresAt, length }
  }
}

/** RFC 8705, 3.2 and RFC 9449, 6.2: such a token counts beside the proof of a key alone, and no proof is taken here. */
function isBound({ cnf, token_type: type }: JsonObject): boolean {
  return cnf !== undefined || (type !== undefined && !(typeof type === 'string' && type.toLowerCase() === 'bearer'))
}

function requestOf(token: string, { url, clientId, clientSecret }: Introspector): OutboundRequest {
  const caps = { url, maxBytes: MAX_DOCUMENT, timeoutMs: TIMEOUT_MS }
  const form = { token, token_type_hint: 'access_token' }
  if (clientSecret === null) return { ...caps, form: { ...form, client_id: clientId } }
  // RFC 6749, 2.3.1: both in the encoding of forms, so that a colon in the id cannot move the border.
  const pair = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`)
  return { ...caps, form, authorization: `Basic ${pair.toString('base64')}` }
}

const formEncoded = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2)

async function reply(outbound: Outbound, request: OutboundRequest): Promise<{ said: JsonObject; length: number }> {
  try {
    const { text } = await outbound.ask(request)
    return { said: readDocument(text), length: text.length }
  } catch (cause) {
    throw failed('expected an answer of the authorization server', cause)
  }
}

/** Unix milliseconds. */
function timeOf(said: JsonObject, name: string): number | null {
  const value = said[name]
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1000))
    throw failed(`expected ${name} in Unix seconds`)
  return Math.floor(value * 1000)
}

const inactive = () =>
  new LanyardError('unauthenticated', 'expected a token that is active at its authorization server')

const unusable = () =>
  new LanyardError('external_token_invalid', 'expected a token that counts now, and without the proof of a key')

const failed = (detail: string, cause?: unknown) => new LanyardError('introspection_failed', detail, {}, { cause })
