import type { Clock } from '@lanyard/authority'
import type { Log } from '../http/ports.ts'
import { type Outbound, OutboundError } from '../outbound/ports.ts'
import { MAX_DOCUMENT, type ProviderKey, readDocument, readKeySet } from './key-set.ts'
import { AnotherIssuer, KeySource } from './key-source.ts'
import type { TokenSource } from './ports.ts'
import { shown } from './read-token.ts'

const MAX_SOURCES = 500
const TIMEOUT_MS = 5000

export interface KeySourcesParts {
  readonly outbound: Outbound
  readonly staleMs: number
  readonly cooldownMs: number
  readonly clock: Clock
  readonly log: Log
}

type Asked = Pick<TokenSource, 'issuer' | 'jwksUri' | 'owner'>

/** Who configured a provider, and the keys that were read for them. */
interface Held {
  readonly owner: string | null
  readonly source: KeySource
}

/**
 * The keys of all providers that were asked for lately. Each tenant has its own, also of one that several name: none of
 * them can wear out what another one has. Of whoever has the most, those not asked for longest make room.
 */
export class KeySources {
  readonly #parts: KeySourcesParts
  readonly #held = new Map<string, Held>()

  constructor(parts: KeySourcesParts) {
    this.#parts = parts
  }

  of(source: Asked): KeySource {
    const { issuer, jwksUri, owner } = source
    // Two issuers may have one discovery URL (with and without a slash at the end), and each is compared with its own.
    const id = JSON.stringify([owner, jwksUri === null ? 'issuer' : 'jwks', jwksUri ?? issuer])
    const found = this.#held.get(id) ?? { owner, source: this.#open(source) }
    this.#held.delete(id)
    this.#held.set(id, found)
    if (this.#held.size > MAX_SOURCES) this.#makeRoom()
    return found.source
  }

  #makeRoom(): void {
    const counts = new Map<string | null, number>()
    for (const { owner } of this.#held.values()) counts.set(owner, (counts.get(owner) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const [id, { owner }] of this.#held) if (counts.get(owner) === most) return void this.#held.delete(id)
  }

  #open({ issuer, jwksUri }: Asked): KeySource {
    const { outbound } = this.#parts
    const load = jwksUri === null ? () => discover(issuer, outbound) : () => keysAt(jwksUri, outbound)
    return new KeySource({ ...this.#parts, load, name: jwksUri ?? issuer })
  }
}

async function keysAt(url: string, outbound: Outbound): Promise<readonly ProviderKey[]> {
  return readKeySet((await outbound.ask({ url, maxBytes: MAX_DOCUMENT, timeoutMs: TIMEOUT_MS })).text)
}

/** OpenID Connect Discovery 1.0, 4. */
async function discover(issuer: string, outbound: Outbound): Promise<readonly ProviderKey[]> {
  const url = discoveryUrl(issuer)
  const { text } = await outbound.ask({ url, maxBytes: MAX_DOCUMENT, timeoutMs: TIMEOUT_MS })
  const document = readDocument(text)
  // 4.3: letter by letter, or whoever can write one document on a host speaks for all issuers there.
  if (document.issuer !== issuer)
    throw new AnotherIssuer(`expected a discovery document of ${issuer}, got one of ${shown(document.issuer)}`)
  if (typeof document.jwks_uri !== 'string')
    throw new OutboundError('refused', 'expected a discovery document with jwks_uri')
  return await keysAt(document.jwks_uri, outbound)
}

/** Where an issuer is described: what is asked to find its keys, where no `jwks_uri` is configured. */
export const discoveryUrl = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
