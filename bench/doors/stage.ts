import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestCertificate, TestIdentity } from '../../packages/protocol/src/node/test-ca.ts'
import { type Credential, credentialsFor } from '../../test/support/credential.ts'
import { CLIENT_SECRET, OidcProvider, OPAQUE } from '../../test/support/oidc-provider.ts'
import { type BenchAuthority, startAuthority } from '../authority.ts'
import type { LoadCall } from '../load/job.ts'

const AGENTS = 16

/** A way in: how it is called, and what its connections present. */
export interface Door {
  readonly name: string
  calls(inFlight: number): Promise<readonly LoadCall[]> | readonly LoadCall[]
  /** Each call is spent by being made. */
  readonly once?: boolean
  readonly tls?: Credential
  readonly fresh?: boolean
}

interface Providers {
  readonly rsa: OidcProvider
  readonly ec: OidcProvider
}

/** An authority with every kind of credential: two real providers, secrets, certificates, bindings. */
export class DoorsStage {
  readonly authority: BenchAuthority
  readonly #folder: string
  readonly #providers: Providers
  readonly #held: Held

  private constructor(authority: BenchAuthority, folder: string, providers: Providers, held: Held) {
    this.authority = authority
    this.#folder = folder
    this.#providers = providers
    this.#held = held
  }

  static async open(): Promise<DoorsStage> {
    const folder = mkdtempSync(join(tmpdir(), 'lanyard-doors-'))
    const rsa = await OidcProvider.start({ users: { ada: { name: 'Ada' } } })
    const ec = await OidcProvider.start({ algorithm: 'ES256' })
    const operators = authorityOf('Operators')
    const [providerCa, operatorCa] = [join(folder, 'providers.pem'), join(folder, 'operators.pem')]
    writeFileSync(providerCa, rsa.caPem + ec.caPem)
    writeFileSync(operatorCa, operators.pem)
    const authority = await startAuthority([
      ...['--idp-allow-addresses', '127.0.0.0/8,::1/128', '--idp-ca-file', providerCa],
      ...['--operator-ca-file', operatorCa],
    ])
    const providers = { rsa, ec }
    try {
      await federate(authority, providers)
      return new DoorsStage(authority, folder, providers, await hold(authority, providers, operators))
    } catch (error) {
      await authority.stop()
      throw error
    }
  }

  agentDoors(seconds: number): readonly Door[] {
    const { rsa, ec } = this.#providers
    const { secret, svid, ownCertificate } = this.#held
    const session = () => [post('/v1/agent/session', { authorization: `Lanyard-Secret ${secret}` }, AGENT)]
    const tokens = (inFlight: number) => Math.round(seconds * (inFlight === 1 ? 300 : 600))
    return [
      { name: 'federated bootstrap, RS256', once: true, calls: inFlight => federated(rsa, 'rsa', tokens(inFlight)) },
      { name: 'federated bootstrap, ES256', once: true, calls: inFlight => federated(ec, 'ec', tokens(inFlight)) },
      { name: 'session by secret alone', calls: session },
      { name: 'session by secret and SVID', calls: session, tls: svid },
      { name: "session by secret and certificate of the tenant's CA", calls: session, tls: ownCertificate },
      { name: 'session by secret and SVID, a new connection each', calls: session, tls: svid, fresh: true },
    ]
  }

  managementDoors(): readonly Door[] {
    const { apiKey, svid, operator, opaque } = this.#held
    const { rsa, ec } = this.#providers
    const get = (headers: Readonly<Record<string, string>>) => [{ method: 'GET' as const, path: SMALL, headers }]
    const bearer = (token: string) => get({ authorization: `Bearer ${token}` })
    return [
      { name: 'API key', calls: () => bearer(apiKey) },
      { name: 'JWT of an issuer, RS256', calls: async () => bearer(await rsa.sign({ sub: 'ada' })) },
      { name: 'JWT of an issuer, ES256', calls: async () => bearer(await ec.sign({ sub: 'ada' })) },
      { name: 'opaque token, asked about each half minute', calls: () => bearer(opaque) },
      { name: "certificate of the operators' CA", calls: () => get({}), tls: operator },
      { name: 'SVID of an agent that has a role', calls: () => get({}), tls: svid },
    ]
  }

  async close(): Promise<void> {
    await this.authority.stop()
    await this.#providers.rsa.close()
    await this.#providers.ec.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const AGENT = { tenant: 'bench', agent: 'agent-0' }
const SMALL = '/v1/agents/bench/agent-0'
const SPIFFE_ID = 'spiffe://lanyard.internal/tenant/bench/agent/agent-0'

const post = (path: string, headers: Readonly<Record<string, string>>, body: object): LoadCall => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

/** Tokens of so many agents, each of which opens one lineage. */
async function federated(provider: OidcProvider, tenant: string, count: number): Promise<LoadCall[]> {
  const calls: LoadCall[] = []
  for (let at = 0; at < count; at++) {
    const token = await provider.sign({ sub: `agent-${at % AGENTS}` })
    const headers = { authorization: `Bearer ${token}`, 'x-lanyard-tenant-id': tenant }
    calls.push(post('/v1/agent/federated-bootstrap', headers, {}))
  }
  return calls
}

/** What the callers have. */
interface Held {
  readonly apiKey: string
  readonly secret: string
  readonly svid: Credential
  readonly ownCertificate: Credential
  readonly operator: Credential
  readonly opaque: string
}

/** One tenant for each provider, since a tenant with one gets no identities in another way. */
async function federate(authority: BenchAuthority, providers: Providers): Promise<void> {
  for (const [tenant, { issuer, audience, algorithm }] of Object.entries(providers)) {
    await authority.call('POST', '/v1/tenants', { tenant, key_policy: 'modern' })
    const rules = { audiences: [audience], algorithms: [algorithm], allow_agent_federation: true }
    await authority.call('POST', `/v1/tenants/${tenant}/idps`, { issuer, ...rules })
  }
}

async function hold(authority: BenchAuthority, { rsa, ec }: Providers, operators: TestIdentity): Promise<Held> {
  const agents = authorityOf('Agents')
  await authority.call('POST', '/v1/tenants', { tenant: 'bench', key_policy: 'modern' })
  await authority.call('PATCH', '/v1/tenants/bench/admission', { agent_mtls_ca: agents.pem })
  await authority.call('POST', '/v1/agents', { ...AGENT, tier: 'silver' })
  // Before its lineage, which counts for what is bound by then.
  await bind(authority, { kind: 'spiffe-id', value: SPIFFE_ID })
  const { token } = await authority.call('POST', '/v1/agent/bootstrap', AGENT)
  const [svid] = await credentialsFor(authority, [token])
  await bind(authority, { kind: 'certificate', value: 'dns:ada.example' })
  await trust(authority, ec, {})
  const introspection = { url: rsa.introspectionUrl, client_id: 'lanyard' }
  await trust(authority, rsa, { introspection, introspection_secret: CLIENT_SECRET })
  return {
    apiKey: (await authority.call('POST', '/v1/api-keys', { name: 'bench', role: 'auditor', expires_in_sec: 86_400 }))
      .key,
    secret: (await authority.call('POST', '/v1/agents/bench/agent-0/secret')).secret,
    svid: svid!,
    ownCertificate: clientOf(agents, { names: { uri: [SPIFFE_ID] } }),
    operator: clientOf(operators, { subject: 'Ada', names: { dns: ['ada.example'] } }),
    opaque: await rsa.userToken('ada', `${OPAQUE}lanyard`),
  }
}

/** Lets a provider vouch for people, and gives Ada a role. */
async function trust(authority: BenchAuthority, provider: OidcProvider, more: object): Promise<void> {
  const { issuer, audience, algorithm } = provider
  const rules = { audiences: [audience, `${OPAQUE}lanyard`], algorithms: [algorithm] }
  const { id } = await authority.call('POST', '/v1/access/issuers', { issuer, ...rules, ...more })
  await bind(authority, { kind: 'user', issuer: id, value: 'ada' })
}

const bind = (authority: BenchAuthority, bindee: object) =>
  authority.call('POST', '/v1/access/bindings', { ...bindee, role: 'auditor' })

const validity = () => {
  const now = Math.floor(Date.now() / 1000)
  return { notBefore: now - 60, notAfter: now + 86_400 }
}

const authorityOf = (subject: string) => TestIdentity.root({ subject, ...validity() })

function clientOf(authority: TestIdentity, wish: TestCertificate): Credential {
  const { keyPem, pem } = authority.leaf({ ...validity(), ...wish })
  return { key: keyPem, cert: pem }
}
