import { randomUUID } from 'node:crypto'
import type { Clock } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { serverConfig } from '../config.ts'
import type { HttpParts } from '../http/ports.ts'
import { openIssuers } from '../issuers/index.ts'
import { type Outbound, OutboundError } from '../outbound/ports.ts'

/** Claims of a token; a member that is undefined is left out. */
export type Claims = Readonly<Record<string, unknown>>

/** For whom its tokens are. */
export const AUDIENCE = 'https://lanyard.test'

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']

/** An identity provider in memory: it signs real tokens, and {@link Providers} answer for it as its server would. */
export class TestProvider {
  readonly issuer: string
  readonly audience = AUDIENCE
  /** As its server: null while it is away. */
  isAway = false
  readonly #clock: Clock
  #key: PrivateKey
  #jwks: JWK[]

  private constructor(issuer: string, clock: Clock, key: PrivateKey, jwks: JWK[]) {
    this.issuer = issuer
    this.#clock = clock
    this.#key = key
    this.#jwks = jwks
  }

  static async make(issuer: string, clock: Clock): Promise<TestProvider> {
    const { privateKey, jwk } = await newKey()
    return new TestProvider(issuer, clock, privateKey, [jwk])
  }

  /** A token that counts for five minutes, unless its claims say otherwise. */
  async sign(claims: Claims, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    const iat = Math.floor(this.#clock.now() / 1000)
    const all = { iss: this.issuer, aud: this.audience, iat, exp: iat + 300, jti: randomUUID(), ...claims }
    const { kid } = this.#jwks[0]! as { kid: string }
    return await new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(this.#key)
  }

  /** Signs with another key from now on, and publishes no other. */
  async rotate(): Promise<void> {
    const { privateKey, jwk } = await newKey()
    this.#key = privateKey
    this.#jwks = [jwk]
  }

  /** What its server answers at a path; undefined for nothing. */
  answer(url: string): object | undefined {
    const jwks_uri = `${this.issuer}/jwks`
    if (url === `${this.issuer}/.well-known/openid-configuration`) return { issuer: this.issuer, jwks_uri }
    return url === jwks_uri ? { keys: this.#jwks } : undefined
  }
}

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: 'ES256', use: 'sig' } }
}

/** The providers that a server can reach: parts of one with issuers that ask them, and nobody else. */
export class Providers implements Outbound {
  readonly #known: TestProvider[] = []
  #clock: Clock = { now: () => Date.now() }

  readonly parts = (parts: HttpParts): HttpParts => {
    this.#clock = parts.clock
    const { idp: settings } = serverConfig({})
    const { clock, log } = parts
    return { ...parts, issuers: openIssuers({ settings, roots: [], clock, crypto: nodeCrypto, log, outbound: this }) }
  }

  async make(issuer: string): Promise<TestProvider> {
    const provider = await TestProvider.make(issuer, { now: () => this.#clock.now() })
    this.#known.push(provider)
    return provider
  }

  async ask({ url }: { readonly url: string }) {
    for (const provider of this.#known) {
      const answer = provider.isAway ? undefined : provider.answer(url)
      if (answer !== undefined) return { text: JSON.stringify(answer) }
    }
    throw new OutboundError('unreachable', 'nobody is there')
  }

  async require(url: string) {
    if (new URL(url).hostname.endsWith('.internal')) throw new OutboundError('forbidden', 'not there')
  }
}
