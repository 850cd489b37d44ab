import { generateKeyNow } from '@lanyard/protocol/node'
import type { AdminCalls } from './admin-calls.ts'
import type { Answer } from './client.ts'
import { csrOf, type HttpHarness } from './http.ts'
import type { Claims, Providers, TestProvider } from './provider.ts'

/** A tenant of its own for one test, with a provider that may vouch for its agents. */
export interface Federated {
  readonly tenant: string
  readonly provider: TestProvider
  /** The provider as it is configured. */
  readonly idp: Answer['body']
  /** What the door says to a token with these claims. */
  bootstrap(claims: Claims, body?: object): Promise<Answer>
  /** What it says to this text, in this tenant or another one. */
  send(token: string, body?: object, tenant?: string): Promise<Answer>
}

/** What tests of federation do to a server. */
export function federation(server: () => HttpHarness, { call, ok }: AdminCalls, providers: Providers) {
  let made = 0
  return {
    async federated(settings: object = {}, tenant = `f${++made}`): Promise<Federated> {
      await call('POST /v1/tenants', { tenant })
      const provider = await providers.make(`https://${tenant}-${++made}.test`)
      const vouching = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
      const idp = await ok(`POST /v1/tenants/${tenant}/idps`, 201, { ...vouching, ...settings })
      const send: Federated['send'] = (token, body, named = tenant) => {
        const headers = { 'x-lanyard-tenant-id': named }
        const sent = body === undefined ? {} : { body }
        return server().call('POST /v1/agent/federated-bootstrap', { token, headers, ...sent })
      }
      return { tenant, provider, idp, send, bootstrap: async (claims, body) => send(await provider.sign(claims), body) }
    },

    agentOf: (tenant: string, agent: string) => ok(`GET /v1/agents/${tenant}/${agent}`, 200),

    /** Newest first. */
    eventsOf: async (tenant: string, type: string): Promise<Answer['body'][]> =>
      (await ok(`GET /v1/events?tenant=${tenant}&type=${type}&limit=50`, 200)).items,

    certificateBy: async (token: string) =>
      server().call('POST /v1/agent/auth/cert', { token, body: { csr: await csrOf(generateKeyNow('P-256')) } }),
  }
}
