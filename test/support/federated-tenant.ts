import { type Answer, send } from '../../packages/server/src/testing/client.ts'
import { agentKey } from './agent-key.ts'
import type { Credential } from './credential.ts'
import { type Json, type LanyardUp, lanyardUp, type UpOptions } from './lanyard-up.ts'
import type { OidcProvider } from './oidc-provider.ts'

/** A certificate of a federated agent, and what a call with it is answered. */
export interface FederatedAgent extends Credential {
  readonly token: string
  readonly spiffeId: string
}

/** An authority that reaches providers on this machine, and calls to it with their tokens. */
export class FederatedTenant {
  readonly up: LanyardUp
  readonly tenant: string
  readonly provider: OidcProvider
  /** As it is configured. */
  readonly idp: Json

  private constructor(up: LanyardUp, tenant: string, provider: OidcProvider, idp: Json) {
    this.up = up
    this.tenant = tenant
    this.provider = provider
    this.idp = idp
  }

  /** Lets a provider vouch for the agents of a tenant, which is made if it is new. */
  static async of(
    up: LanyardUp,
    tenant: string,
    provider: OidcProvider,
    settings: object = {},
  ): Promise<FederatedTenant> {
    await up.ask('POST', '/v1/tenants', { tenant, key_policy: 'modern' })
    const idp = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true, ...settings }
    return new FederatedTenant(up, tenant, provider, await up.call('POST', `/v1/tenants/${tenant}/idps`, idp))
  }

  /** What the door of federated agents says to a token. */
  bootstrap(token: string, tenant = this.tenant): Promise<Answer> {
    const headers = { 'x-lanyard-tenant-id': tenant }
    return this.ask('POST /v1/agent/federated-bootstrap', { token, headers })
  }

  /** An agent with a certificate, by a token that its provider gave to a client of this name. */
  async agent(client: string): Promise<FederatedAgent> {
    const { status, body, text } = await this.bootstrap(await this.provider.clientToken(client))
    if (status !== 200) throw new Error(`${client} was not let in: ${text}`)
    return { token: body.token, spiffeId: body.spiffe_id, ...(await this.certificate(body.token)) }
  }

  /** A certificate by an agent token. */
  async certificate(token: string): Promise<Credential> {
    const { key, csrPem } = await agentKey('P-256')
    const { status, body, text } = await this.ask('POST /v1/agent/auth/cert', { token, body: { csr: csrPem } })
    if (status !== 201) throw new Error(`the certificate was refused: ${text}`)
    return { key: key.export({ type: 'pkcs8', format: 'pem' }) as string, cert: body.certificate + body.chain }
  }

  ask(call: string, options: Parameters<typeof send>[3] = {}): Promise<Answer> {
    return send(Number(new URL(this.up.ready.url).port), this.up.rootPem, call, options)
  }

  /** Events of one type in the tenant, newest first. */
  async events(type: string): Promise<readonly Json[]> {
    return (await this.up.call('GET', `/v1/events?tenant=${this.tenant}&type=${type}&limit=100`)).items
  }
}

/** `lanyard up` that may ask providers on this machine, whose servers the CA of `provider` vouches for. */
export const upBeside = (provider: OidcProvider, { env = {}, ...options }: UpOptions = {}): Promise<LanyardUp> =>
  lanyardUp({
    ...options,
    env: { LANYARD_IDP_CA_FILE: provider.caFile, LANYARD_IDP_ALLOW_ADDRESSES: '127.0.0.0/8,::1/128', ...env },
  })

/** A status, or the code of a refusal. */
export const outcomeOf = ({ status, body }: Answer): number | string => (status < 400 ? status : body.code)
