import { LanyardError, type NodeEntry } from '@lanyard/api'
import {
  buildCsr,
  type Credential,
  decodeBase64Url,
  decodeUtf8,
  encodePem,
  SpiffeId,
  tokenCredentialOf,
} from '@lanyard/protocol'
import { generateKey, nodeSigner } from '@lanyard/protocol/node'
import type { AuthorityClock } from '../authority/clock.ts'
import type { Judge } from '../authority/feed.ts'
import type { HeldToken, HeldWit, Meter } from '../ports.ts'
import { Rate } from '../sockets/rate.ts'
import { type Perishable, TokenCache } from './cache.ts'

/** What `POST /v1/node/svids/jwt` and `…/wit` give. */
export interface IssuedToken {
  readonly token: string
  readonly spiffe_id: string
  /** RFC 3339. */
  readonly issued_at: string
  readonly expires_at: string
}

export interface TokenDeskPorts {
  readonly clock: AuthorityClock
  readonly meter: Meter
  readonly judge: Judge
  readonly entry: (id: string) => NodeEntry | undefined
  /** Throws the codes of the two calls. */
  readonly issueJwt: (entry: string, audience: readonly string[]) => Promise<IssuedToken>
  readonly issueWit: (entry: string, csr: string) => Promise<IssuedToken>
}

interface Kept extends Perishable {
  readonly entry: string
  readonly token: string
  readonly id: SpiffeId
  readonly credential: Credential
  /** Of a WIT-SVID, else empty. */
  readonly keyJwk: string
}

/** Tokens that are made for one entry a second, and at once after a pause: each is an event in the record of the authority. */
const JWTS_PER_SEC = 20
const JWTS_AT_ONCE = 500

/** The tokens of this node: JWT-SVIDs by entry and audience, WIT-SVIDs by entry. */
export class TokenDesk {
  readonly #ports: TokenDeskPorts
  readonly #jwts: TokenCache<Kept>
  readonly #wits: TokenCache<Kept>
  readonly #rate = new Rate<string>(JWTS_PER_SEC, JWTS_AT_ONCE)

  constructor(ports: TokenDeskPorts) {
    this.#ports = ports
    const { clock, meter } = ports
    const lives = (kept: Kept) => this.#lives(kept)
    this.#jwts = new TokenCache({ clock, meter, lives, fetch: key => this.#fetchJwt(key) })
    this.#wits = new TokenCache({ clock, meter, lives, fetch: key => this.#fetchWit(key) })
  }

  /** Throws LanyardError. The order of audiences says nothing. */
  async jwt(entry: NodeEntry, audience: readonly string[]): Promise<HeldToken> {
    const kept = await this.#jwts.get(JSON.stringify([entry.id, [...new Set(audience)].sort()]))
    return { id: kept.id, token: kept.token, hint: entry.hint, expiresAt: kept.expiresAt }
  }

  async wit(entry: NodeEntry): Promise<HeldWit> {
    const kept = await this.#wits.get(JSON.stringify([entry.id]))
    return { id: kept.id, token: kept.token, hint: entry.hint, expiresAt: kept.expiresAt, keyJwk: kept.keyJwk }
  }

  /** Entries have changed, or are no more: what was given for them is given no longer. */
  entriesChanged(ids: Iterable<string>): void {
    const gone = new Set(ids)
    for (const cache of [this.#jwts, this.#wits]) cache.drop(key => gone.has(JSON.parse(key)[0]))
  }

  /** Deaths were heard. */
  judge(): void {
    for (const cache of [this.#jwts, this.#wits])
      cache.drop((_, { credential }) => this.#ports.judge(credential) !== 'alive')
  }

  /** Neither dead, nor of an entry that is gone, or another's by now. */
  #lives({ credential, entry, id }: Kept): boolean {
    const { judge, entry: find } = this.#ports
    return judge(credential) === 'alive' && find(entry)?.spiffe_id === id.toString()
  }

  async #fetchJwt(key: string): Promise<Kept> {
    const [entry, audience] = JSON.parse(key) as [string, string[]]
    // Who asks for ever new audiences fills the record, and pushes the tokens of others out of memory.
    if (!this.#rate.take(entry, this.#ports.clock.now()))
      throw new LanyardError('rate_limited', `expected at most ${JWTS_PER_SEC} new audiences a second of one entry`)
    return this.#keep(entry, await this.#ports.issueJwt(entry, audience), '')
  }

  async #fetchWit(key: string): Promise<Kept> {
    const [entry] = JSON.parse(key) as [string]
    const secret = await generateKey('P-256')
    const csr = encodePem('CERTIFICATE REQUEST', await buildCsr(nodeSigner(secret)))
    const reply = await this.#ports.issueWit(entry, csr)
    return this.#keep(entry, reply, JSON.stringify({ ...secret.export({ format: 'jwk' }), alg: 'ES256' }))
  }

  #keep(entry: string, reply: IssuedToken, keyJwk: string): Kept {
    const id = SpiffeId.parse(reply.spiffe_id)
    return {
      entry,
      token: reply.token,
      id,
      issuedAt: Date.parse(reply.issued_at),
      expiresAt: Date.parse(reply.expires_at),
      credential: tokenCredentialOf(id, this.#ports.entry(entry)?.tenant ?? null, claimsIn(reply.token)),
      keyJwk,
    }
  }
}

/** It came from the authority by mutual TLS: its claims are read, not judged. */
const claimsIn = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(decodeUtf8(decodeBase64Url(token.split('.')[1] ?? '')))
