import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import type { Adapter, AdapterPayload, Configuration, Provider, ResourceServer } from 'oidc-provider'
import { agentFor, exchange } from '../client/exchange.ts'
import { TestCa } from './test-ca.ts'

/** It warns of each Node that is no long-term one, which says nothing to whoever reads what is told here. */
async function quietly<T>(act: () => Promise<T>): Promise<T> {
  const { warn } = console
  console.warn = () => undefined
  try {
    return await act()
  } finally {
    console.warn = warn
  }
}

/** Somebody who can log in; what else is here comes as claims of every token. */
export interface OidcUser {
  readonly name?: string
  readonly groups?: readonly string[]
  readonly [claim: string]: unknown
}

export interface OidcOptions {
  /** `aud` of tokens that nobody asked otherwise for; `https://lanyard.test` when absent. */
  readonly audience?: string
  /** Who can log in, by `sub`. */
  readonly users?: Readonly<Record<string, OidcUser>>
  /** Further claims in tokens of clients, by client id. */
  readonly clients?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** What it signs with; RS256 when absent. */
  readonly algorithm?: 'RS256' | 'ES256'
  /** Seconds that access tokens live; 600 when absent. */
  readonly tokenSec?: number
  /** A public client beside those that begin with `public-`, as somebody's login has one. */
  readonly login?: string
  /** Seconds between two questions of whoever waits for a person; 5 when absent. */
  readonly pollSec?: number
  /** {@link CLIENT_SECRET} when absent. */
  readonly clientSecret?: string
}

/** Somebody's `oidc-provider`: what is imported, once it is needed. */
type Making = typeof import('oidc-provider').Provider

/** The secret of every confidential client. Every client id exists; one that begins with `public-` has no secret. */
export const CLIENT_SECRET = 'the-secret-of-every-client-of-these-tests'
/** A resource of this prefix gets opaque tokens. */
export const OPAQUE = 'urn:opaque:'

/** A real OpenID provider (`oidc-provider`) at `https://localhost:PORT`, with keys and a CA of its own. */
export class OidcProvider {
  /** As in `iss`. */
  issuer: string
  /** The CA of its certificate: as text, and as a file for `idp.ca_file`. */
  readonly caPem: string
  readonly caFile: string
  readonly port: number
  readonly audience: string
  /** Requests so far, by path. */
  readonly asked = new Map<string, number>()
  readonly #options: OidcOptions
  readonly #making: Making
  readonly #tls: Tls
  readonly #records = new Map<string, AdapterPayload>()
  readonly #folder: string
  #server: Server
  #keys: JWK[]
  #provider: Provider

  private constructor(options: OidcOptions, making: Making, tls: Tls, server: Server) {
    this.#options = options
    this.#making = making
    this.#tls = tls
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.issuer = `https://localhost:${this.port}`
    this.audience = options.audience ?? 'https://lanyard.test'
    this.caPem = tls.caPem
    this.#folder = mkdtempSync(join(tmpdir(), 'lanyard-oidc-'))
    this.caFile = join(this.#folder, 'ca.pem')
    writeFileSync(this.caFile, this.caPem)
    this.#keys = [newKey(this.algorithm)]
    this.#provider = this.#rebuild()
    this.#serve(server)
  }

  /** Throws `ERR_MODULE_NOT_FOUND` where `oidc-provider` is not installed. */
  static async start(options: OidcOptions = {}): Promise<OidcProvider> {
    const { Provider } = await quietly(() => import('oidc-provider'))
    const ca = new TestCa('Provider')
    const names = { dns: ['localhost'], ip: [Uint8Array.of(127, 0, 0, 1)] }
    const { pem, key } = ca.leaf({ names, notAfter: Math.floor(Date.now() / 1000) + 86_400, purposes: ['serverAuth'] })
    const tls = { key, cert: pem + ca.intermediatePem, caPem: ca.rootPem }
    return new OidcProvider(options, Provider, tls, await listening(tls, 0))
  }

  get algorithm(): 'RS256' | 'ES256' {
    return this.#options.algorithm ?? 'RS256'
  }

  get jwksUri(): string {
    return `https://localhost:${this.port}/jwks`
  }

  get introspectionUrl(): string {
    return `https://localhost:${this.port}/token/introspection`
  }

  /** The private key that it signs with now. */
  get key(): JWK & { readonly kid: string } {
    return this.#keys[0]! as JWK & { kid: string }
  }

  /**
   * An access token of a client, by its client credentials: a JWT, or opaque for a `resource` that begins with {@link
   * OPAQUE}.
   */
  async clientToken(client: string, resource?: string): Promise<string> {
    const body = { grant_type: 'client_credentials', ...(resource === undefined ? {} : { resource }) }
    return (await this.#post('/token', body, client)).access_token as string
  }

  /** An access token of somebody, by the device flow of a public client. */
  async userToken(user: string, resource?: string): Promise<string> {
    const client_id = 'public-of-tests'
    const asked = { client_id, scope: 'openid', ...(resource === undefined ? {} : { resource }) }
    const { user_code, device_code } = await this.#post('/device/auth', asked)
    await this.approve(user_code as string, user)
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    return (await this.#post('/token', { grant_type, client_id, device_code: device_code as string }))
      .access_token as string
  }

  /** What somebody does in a browser for a device code: logs in and agrees. */
  async approve(userCode: string, user: string): Promise<void> {
    const provider = this.#provider
    const code = await provider.DeviceCode.findByUserCode(userCode.toUpperCase().replace(/\W/g, ''))
    if (code === undefined) throw new Error(`there is no user code ${userCode}`)
    const { params = {} } = code as unknown as { params?: { scope?: string; resource?: string | string[] } }
    const grant = new provider.Grant({ accountId: user, clientId: code.clientId! })
    grant.addOIDCScope(params.scope ?? 'openid')
    const resource = params.resource ?? this.audience
    for (const each of [resource].flat()) grant.addResourceScope(each, 'lanyard')
    const authTime = Math.floor(Date.now() / 1000)
    Object.assign(code, { accountId: user, authTime, grantId: await grant.save(), resource, scope: params.scope })
    await code.save()
  }

  /** What somebody does in a browser who does not agree. */
  async deny(userCode: string): Promise<void> {
    const code = await this.#provider.DeviceCode.findByUserCode(userCode.toUpperCase().replace(/\W/g, ''))
    if (code === undefined) throw new Error(`there is no user code ${userCode}`)
    Object.assign(code, { error: 'access_denied', errorDescription: 'somebody said no' })
    await code.save()
  }

  /** Ends an opaque token at the provider. */
  async revoke(token: string, client: string): Promise<void> {
    await this.#post('/token/revocation', { token }, client)
  }

  /**
   * A token with any claims, signed with the key of now: correct `iss`, `aud`, `iat` and `exp` unless `claims` say
   * otherwise, and without those that they say to be undefined.
   */
  async sign(claims: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    const iat = Math.floor(Date.now() / 1000)
    const all = { iss: this.issuer, aud: this.audience, iat, exp: iat + 300, jti: randomUUID(), ...claims }
    return await new SignJWT(all)
      .setProtectedHeader({ alg: this.algorithm, kid: this.key.kid, typ: 'JWT', ...header })
      .sign(this.key as Parameters<SignJWT['sign']>[0])
  }

  /** Signs with a new key from now on; the old ones stay published unless told. */
  rotate({ keepOld = true }: { readonly keepOld?: boolean } = {}): void {
    this.#keys = [newKey(this.algorithm), ...(keepOld ? this.#keys : [])]
    this.#provider = this.#rebuild()
  }

  /** Calls itself by another string from now on. */
  rename(issuer: string): void {
    this.issuer = issuer
    this.#provider = this.#rebuild()
  }

  /** Goes away: connections are refused. */
  async leave(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Is there again, at the same port. */
  async comeBack(): Promise<void> {
    this.#server = await listening(this.#tls, this.port)
    this.#serve(this.#server)
  }

  async close(): Promise<void> {
    await this.leave()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #serve(server: Server): void {
    server.on('request', (request, response) => {
      const path = new URL(request.url ?? '/', 'https://localhost').pathname
      this.asked.set(path, (this.asked.get(path) ?? 0) + 1)
      void this.#provider.callback()(request, response)
    })
  }

  async #post(path: string, body: Record<string, string>, client?: string): Promise<Record<string, unknown>> {
    const agent = agentFor({ ca: this.caPem })
    const authorization = client === undefined ? {} : { authorization: basic(client, this.#secret) }
    const headers = { ...authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const url = new URL(`https://localhost:${this.port}${path}`)
    const reply = await exchange(agent, { method: 'POST', url, headers, body: new URLSearchParams(body).toString() })
    agent.destroy()
    if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${reply.body}`)
    return reply.body === '' ? {} : (JSON.parse(reply.body) as Record<string, unknown>)
  }

  get #secret(): string {
    return this.#options.clientSecret ?? CLIENT_SECRET
  }

  #rebuild(): Provider {
    const { users = {}, clients = {}, tokenSec = 600, pollSec } = this.#options
    const clientOf = (id: string) => this.#clientOf(id)
    const provider = new this.#making(this.issuer, {
      ...FEATURES,
      adapter: model => new Records(model, this.#records, clientOf),
      jwks: { keys: this.#keys } as NonNullable<Configuration['jwks']>,
      cookies: { keys: ['a key of these tests'] },
      findAccount: (_ctx, sub) =>
        Object.hasOwn(users, sub) ? { accountId: sub, claims: async () => ({ ...users[sub], sub }) } : undefined,
      extraTokenClaims: (_ctx, token) => {
        const account = token.kind === 'AccessToken' ? token.accountId : undefined
        return { ...(account === undefined ? clients[token.clientId ?? ''] : users[account]) }
      },
      features: {
        ...FEATURES.features,
        resourceIndicators: {
          enabled: true,
          defaultResource: () => this.audience,
          useGrantedResource: () => true,
          getResourceServerInfo: (_ctx, resource) => resourceServer(resource, this.algorithm, tokenSec),
        },
      },
      ttl: {
        AccessToken: tokenSec,
        ClientCredentials: tokenSec,
        IdToken: tokenSec,
        RefreshToken: 3600,
        Grant: 3600,
        DeviceCode: 300,
      },
    })
    if (pollSec !== undefined)
      provider.use(async (context, next) => {
        await next()
        if (context.path === '/device/auth' && context.status === 200)
          Object.assign(context.body as object, { interval: pollSec })
      })
    return provider
  }

  #clientOf(id: string): AdapterPayload {
    const device = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']
    const without = { client_id: id, redirect_uris: [], response_types: [] }
    return id.startsWith('public-') || id === this.#options.login
      ? { ...without, application_type: 'native', grant_types: device, token_endpoint_auth_method: 'none' }
      : { ...without, client_secret: this.#secret, grant_types: ['client_credentials', ...device] }
  }
}

const FEATURES = {
  scopes: ['openid', 'offline_access', 'lanyard'],
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
} satisfies Configuration

const resourceServer = (audience: string, alg: 'RS256' | 'ES256', accessTokenTTL: number): ResourceServer => ({
  scope: 'lanyard',
  audience,
  accessTokenTTL,
  ...(audience.startsWith(OPAQUE)
    ? { accessTokenFormat: 'opaque' }
    : { accessTokenFormat: 'jwt', jwt: { sign: { alg } } }),
})

/** What the provider remembers, through a change of its keys too. Every client that is asked for is there. */
class Records implements Adapter {
  readonly #model: string
  readonly #records: Map<string, AdapterPayload>
  readonly #clientOf: (id: string) => AdapterPayload

  constructor(model: string, records: Map<string, AdapterPayload>, clientOf: (id: string) => AdapterPayload) {
    this.#model = model
    this.#records = records
    this.#clientOf = clientOf
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.#model === 'Client' ? this.#clientOf(id) : this.#records.get(`${this.#model}:${id}`)
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#values().find(record => record.userCode === userCode)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#values().find(record => record.uid === uid)
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.#records.set(`${this.#model}:${id}`, payload)
  }

  async consume(id: string): Promise<void> {
    const found = await this.find(id)
    if (found) found.consumed = Math.floor(Date.now() / 1000)
  }

  async destroy(id: string): Promise<void> {
    this.#records.delete(`${this.#model}:${id}`)
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, record] of this.#records) if (record.grantId === grantId) this.#records.delete(key)
  }

  #values(): AdapterPayload[] {
    return [...this.#records].filter(([key]) => key.startsWith(`${this.#model}:`)).map(([, record]) => record)
  }
}

function newKey(algorithm: 'RS256' | 'ES256'): JWK {
  const { privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: algorithm }
}

const basic = (client: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(client)}:${secret}`).toString('base64')}`

/** What its server proves itself by, PEM. */
interface Tls {
  readonly key: string
  readonly cert: string
  readonly caPem: string
}

async function listening({ key, cert }: Tls, port: number): Promise<Server> {
  const server = createServer({ key, cert })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
