import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { agentFor, exchange } from '../client/exchange.ts'
import { TestCa } from './test-ca.ts'

/** Somebody who logs in, by `sub`: what the provider says of them. */
export type People = Readonly<Record<string, { readonly name: string; readonly groups: readonly string[] }>>

export interface ProviderOptions {
  /** `aud` of its tokens. */
  readonly audience: string
  /** Client ids of programs, which come by client credentials. */
  readonly programs: readonly string[]
  /** Client id of `lanyard login`. */
  readonly login: string
  readonly people: People
}

/** A real OpenID provider (`oidc-provider`) at a free port of this machine, with a CA of its own. */
export class OpenidProvider {
  readonly issuer: string
  /** The CA of its certificate, in PEM; as a file too. */
  readonly caPem: string
  readonly caFile: string
  readonly #folder: string
  readonly #server: Server
  readonly #provider: Provider
  readonly #options: ProviderOptions
  readonly #secret: string

  private constructor(
    at: { server: Server; ca: TestCa; provider: Provider; secret: string },
    options: ProviderOptions,
  ) {
    this.issuer = issuerOf(at.server)
    this.caPem = at.ca.rootPem
    this.#folder = mkdtempSync(join(tmpdir(), 'lanyard-provider-'))
    this.caFile = join(this.#folder, 'ca.pem')
    writeFileSync(this.caFile, this.caPem)
    this.#server = at.server
    this.#provider = at.provider
    this.#secret = at.secret
    this.#options = options
  }

  /** Throws `ERR_MODULE_NOT_FOUND` where `oidc-provider` is not installed. */
  static async start(options: ProviderOptions): Promise<OpenidProvider> {
    const ca = new TestCa('Provider')
    const leaf = ca.leaf({ names: { dns: ['localhost'] }, purposes: ['serverAuth'] })
    const server = createServer({ key: leaf.key, cert: leaf.pem + ca.intermediatePem })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const secret = randomBytes(32).toString('hex')
    const provider = await quietly(async () => {
      const { default: Made } = await import('oidc-provider')
      return new Made(issuerOf(server), configurationOf(options, secret))
    }).catch(error => {
      server.close()
      throw error
    })
    provider.use(hurry)
    const callback = provider.callback()
    server.on('request', (request, response) => void callback(request, response))
    return new OpenidProvider({ server, ca, provider, secret }, options)
  }

  /** An access token of a program, as it would ask for it itself. */
  async programToken(program: string): Promise<string> {
    const agent = agentFor({ ca: this.caPem })
    const reply = await exchange(agent, {
      method: 'POST',
      url: new URL(`${this.issuer}/token`),
      headers: {
        authorization: `Basic ${Buffer.from(`${program}:${this.#secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    })
    agent.destroy()
    if (reply.status !== 200) throw new Error(`the provider refuses ${program}: ${reply.body}`)
    return (JSON.parse(reply.body) as { access_token: string }).access_token
  }

  /** What somebody does in a browser: types the code, logs in, agrees. */
  async confirm(userCode: string, person: string): Promise<void> {
    const { DeviceCode, Grant } = this.#provider
    const code = await DeviceCode.findByUserCode(userCode.replace(/\W/g, '').toUpperCase())
    if (code === undefined) throw new Error('the provider knows no such code')
    const { audience } = this.#options
    const grant = new Grant({ accountId: person, clientId: code.clientId! })
    grant.addOIDCScope('openid')
    grant.addResourceScope(audience, '')
    const grantId = await grant.save()
    const authTime = Math.floor(Date.now() / 1000)
    await Object.assign(code, { accountId: person, authTime, grantId, scope: 'openid', resource: audience }).save()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const issuerOf = (server: Server): string => `https://localhost:${(server.address() as AddressInfo).port}`

/** Whoever waits for a login shall ask at short intervals, where nobody has to find a browser first. */
async function hurry(context: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  if (context.path === '/device/auth' && context.status === 200)
    Object.assign(context.body as object, { interval: 0.1 })
}

/**
 * It warns of each Node that is no long-term one, and of forgetting everything at its end; where a story is told line by
 * line there is no place for that.
 */
async function quietly<T>(act: () => Promise<T>): Promise<T> {
  const { warn } = console
  console.warn = () => undefined
  try {
    return await act()
  } finally {
    console.warn = warn
  }
}

function configurationOf({ audience, programs, login, people }: ProviderOptions, secret: string): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomBytes(8).toString('hex') }
  const none = { redirect_uris: [], response_types: [] as never[] }
  const device = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']
  return {
    jwks: { keys: [key] } as NonNullable<Configuration['jwks']>,
    cookies: { keys: [secret] },
    clients: [
      ...programs.map(id => ({ ...none, client_id: id, client_secret: secret, grant_types: ['client_credentials'] })),
      {
        ...none,
        client_id: login,
        application_type: 'native' as const,
        grant_types: device,
        token_endpoint_auth_method: 'none' as const,
      },
    ],
    findAccount: (_context, sub) =>
      Object.hasOwn(people, sub) ? { accountId: sub, claims: () => ({ ...people[sub], sub }) } : undefined,
    extraTokenClaims: (_context, { accountId }: { readonly accountId?: string }) =>
      accountId === undefined ? undefined : { ...people[accountId] },
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      // Who has a token may end it.
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: { AccessToken: 600, ClientCredentials: 600, DeviceCode: 300, Grant: 3600, IdToken: 600, RefreshToken: 3600 },
  } as Configuration
}
