import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import { nodeCrypto } from '@lanyard/protocol/node'
import { serverConfig } from '../config.ts'
import { type Outbound, OutboundError, type OutboundRequest } from '../outbound/ports.ts'
import { openIssuers } from './index.ts'
import type { Issuers, TokenSource } from './ports.ts'

export const ISSUER = 'https://idp.example'
export const JWKS = `${ISSUER}/keys`
export const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`
export const AUDIENCE = 'https://lanyard.example'
/** 2026-06-01T00:00:00Z. */
export const NOW = Date.UTC(2026, 5, 1)
const NOW_SEC = NOW / 1000

const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits }).privateKey
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey

/** Private keys, made once: those of the provider, and one of each kind that somebody else has. */
export const KEYS = {
  rsa: rsa(2048),
  p256: ec('P-256'),
  p384: ec('P-384'),
  ed25519: generateKeyPairSync('ed25519').privateKey,
  p521: ec('P-521'),
  small: rsa(1024),
  otherRsa: rsa(2048),
  otherP256: ec('P-256'),
} as const

export const jwkOf = (key: KeyObject, more: object = {}) => {
  const { kty, n, e, crv, x, y } = key.export({ format: 'jwk' })
  return JSON.parse(JSON.stringify({ kty, n, e, crv, x, y, ...more })) as Record<string, unknown>
}

/** What the provider publishes unless a test says otherwise. */
export const PUBLISHED = [
  jwkOf(KEYS.rsa, { kid: 'r', use: 'sig', alg: 'RS256' }),
  jwkOf(KEYS.p256, { kid: 'e', use: 'sig' }),
  jwkOf(KEYS.p384, { kid: 'e3' }),
  jwkOf(KEYS.ed25519, { kid: 'd', key_ops: ['verify'] }),
]

type Document = object | string | OutboundError

/** Answers for the whole network, and a present that a test moves. */
export class TestNetwork {
  readonly documents = new Map<string, Document>([
    [JWKS, { keys: PUBLISHED }],
    [DISCOVERY, { issuer: ISSUER, jwks_uri: JWKS }],
  ])
  readonly asked: OutboundRequest[] = []
  now = NOW
  /** Messages of the log that somebody is to see. */
  readonly warned: string[] = []
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve()

  readonly outbound: Outbound = {
    ask: async request => {
      this.asked.push(request)
      await this.gate
      const document = this.documents.get(request.url) ?? new OutboundError('unreachable', 'nobody is there')
      if (document instanceof OutboundError) throw document
      return { text: typeof document === 'string' ? document : JSON.stringify(document) }
    },
    require: async () => {},
  }

  issuers(idp: object = {}): Issuers {
    const warn = (_fields: object, message: string) => void this.warned.push(message)
    const log = { debug() {}, info() {}, warn, error() {} }
    const { outbound } = this
    const settings = serverConfig({ idp }).idp
    return openIssuers({ settings, roots: [], clock: { now: () => this.now }, crypto: nodeCrypto, log, outbound })
  }

  /** How often a URL was asked. */
  count(url = JWKS): number {
    return this.asked.filter(request => request.url === url).length
  }
}

export const SOURCE: TokenSource = {
  issuer: ISSUER,
  jwksUri: JWKS,
  audiences: [AUDIENCE, 'lanyard'],
  algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA', 'PS256'],
  maxTokenAgeSec: 3600,
  owner: null,
}

export const claims = (more: object = {}) =>
  // What is undefined is left out.
  ({ iss: ISSUER, aud: AUDIENCE, sub: 'worker', iat: NOW_SEC, exp: NOW_SEC + 300, ...more })

export const base64Url = (part: unknown): string => {
  const raw = typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)
  return Buffer.from(raw as string).toString('base64url')
}

/** How each `alg` of ours is made by node:crypto alone. */
const MADE: Readonly<Record<string, (input: Buffer, key: KeyObject) => Buffer>> = {
  RS256: (input, key) => sign('sha256', input, key),
  PS256: (input, key) => sign('sha256', input, { key, padding: 6, saltLength: 32 }),
  ES256: (input, key) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  ES384: (input, key) => sign('sha384', input, { key, dsaEncoding: 'ieee-p1363' }),
  ES512: (input, key) => sign('sha512', input, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (input, key) => sign(null, input, key),
}

/** A token with exactly this header and payload, objects or texts, and a correct signature over them. */
export function craft(header: unknown, payload: unknown, key: KeyObject = KEYS.rsa, made = 'RS256'): string {
  const input = `${base64Url(header)}.${base64Url(payload)}`
  return `${input}.${base64Url(MADE[made]!(Buffer.from(input), key))}`
}

export const RS256 = { alg: 'RS256', kid: 'r', typ: 'JWT' }

/** A correct token, but for some claims. */
export const token = (more: object = {}, header: object = RS256): string => craft(header, claims(more))

/** The code of the refusal, or `accepted`. */
export const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof LanyardError) return error.code
      throw error
    },
  )
