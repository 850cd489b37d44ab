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

/** The keys of all providers that were asked for lately. Those not asked for longest make room. */
export class KeySources {
  readonly #parts: KeySourcesParts
  readonly #sources = new Map<string, KeySource>()

  constructor(parts: KeySourcesParts) {
    this.#parts = parts
  }

  of(source: Pick<TokenSource, 'issuer' | 'jwksUri'>): KeySource {
    const { issuer, jwksUri } = source
    // Two issuers may have one discovery URL (with and without a slash at the end), and each is compared with its own.
    const id = jwksUri === null ? `issuer ${issuer}` : `jwks ${jwksUri}`
    const found = this.#sources.get(id) ?? this.#open(source)
    this.#sources.delete(id)
    this.#sources.set(id, found)
    if (this.#sources.size > MAX_SOURCES) this.#sources.delete(this.#sources.keys().next().value!)
    return found
  }

  #open({ issuer, jwksUri }: Pick<TokenSource, 'issuer' | 'jwksUri'>): KeySource {
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
