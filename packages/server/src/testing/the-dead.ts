import assert from 'node:assert/strict'
import { type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { Answer, CallOptions } from './client.ts'
import { csrOf, type Held, pemOf } from './http.ts'

/** A server as these tests call it. */
export interface Called {
  readonly admin: string
  call(line: string, options?: CallOptions): Promise<Answer>
}

/** An agent with all kinds of credentials, of one lineage that an API key opened. */
export interface Victim {
  readonly tenant: string
  readonly agent: string
  readonly held: Held
  readonly token: string
  readonly jti: string
  readonly lineage: string
  readonly minter: { readonly id: string; readonly key: string }
}

type Line = readonly [call: string, body: object]

/** A way to die. */
export interface Death {
  readonly name: string
  readonly call: (victim: Victim) => Line
  /** What lets the agent begin again; without it nothing does. */
  readonly revival?: (victim: Victim) => Line
  /** The API key that opened the lineage dies too. */
  readonly takesMinter?: true
}

const reason = 'test'
const path = ({ tenant, agent }: Victim) => `/v1/agents/${tenant}/${agent}`
const reinstatement = (victim: Victim): Line => [`POST ${path(victim)}/reinstate`, { reason }]
const keyOf = ({ held }: Victim) => jwkThumbprint(jwkFromSpki(spkiOf(held.privateKey)), nodeCrypto)
const killing = (scope: string): Pick<Death, 'name' | 'call' | 'revival'> => ({
  name: `kill of the agent, scope ${scope}`,
  call: victim => [`POST ${path(victim)}/kill`, { reason, scope }],
  revival: reinstatement,
})

/** Every way to die but the eviction of an instance, which concerns no agent by name. */
export const DEATHS: readonly Death[] = [
  ...['agent', 'lineage', 'token', 'source'].map(killing),
  { ...killing('api-key'), takesMinter: true },
  {
    name: 'kill of the tenant',
    call: ({ tenant }) => [`POST /v1/tenants/${tenant}/kill`, { reason }],
    revival: ({ tenant }) => [`POST /v1/tenants/${tenant}/reinstate`, { reason }],
  },
  {
    name: 'quarantine',
    call: victim => [`PATCH ${path(victim)}`, { lifecycle: 'quarantined' }],
    revival: reinstatement,
  },
  { name: 'retirement', call: victim => [`PATCH ${path(victim)}`, { lifecycle: 'retired' }] },
  { name: 'kill by serial', call: ({ held: { serial } }) => ['POST /v1/kill', { reason, serial }] },
  { name: 'kill by lineage', call: ({ lineage }) => ['POST /v1/kill', { reason, lineage }] },
  { name: 'kill by key', call: victim => ['POST /v1/kill', { reason, key_thumbprint: keyOf(victim) }] },
  {
    name: 'kill by minting API key',
    call: ({ minter }) => ['POST /v1/kill', { reason, minted_by: `api-key:${minter.id}` }],
    takesMinter: true,
  },
  { name: 'kill by agent token', call: ({ jti }) => ['POST /v1/kill', { reason, minted_by: `agent-token:${jti}` }] },
  {
    name: 'revocation by serial',
    call: ({ held: { serial } }) => ['POST /v1/agent/auth/revoke', { reason, serial }],
  },
  {
    name: 'revocation of all that the agent holds',
    call: ({ tenant, agent }) => ['POST /v1/agent/auth/revoke', { reason, tenant, agent }],
  },
]

/** Makes a call that must succeed. */
export async function done({ call, admin }: Called, [line, body]: Line, token = admin): Promise<Answer['body']> {
  const answer = await call(line, { token, body })
  assert.ok(answer.status < 300, `${line}: ${answer.text}`)
  return answer.body
}

/** Makes a victim in a tenant of its own. */
export async function victimOf(server: Called, tenant: string): Promise<Victim> {
  const key = { tenant, agent: 'a1' }
  await done(server, ['POST /v1/tenants', { tenant, key_policy: 'modern' }])
  await done(server, ['POST /v1/agents', key])
  const minter = await done(server, ['POST /v1/api-keys', { name: 'k', role: 'admin', tenant, rate_limit: 0 }])
  const { token } = await done(server, ['POST /v1/agent/bootstrap', key], minter.key)
  const held = await certificateBy(server, token)
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8'))
  return { ...key, held, token, jti: claims.jti, lineage: claims.lin, minter }
}

async function certificateBy(server: Called, token: string): Promise<Held> {
  const privateKey = generateKeyNow('P-256')
  const issued = await done(server, ['POST /v1/agent/auth/cert', { csr: await csrOf(privateKey) }], token)
  return { serial: issued.serial, privateKey, key: pemOf(privateKey), cert: issued.certificate + issued.chain }
}

/** Lets the agent begin anew, and gives what it holds then. */
export async function beginAgain(server: Called, { tenant, agent }: Victim): Promise<Held> {
  return await certificateBy(server, (await done(server, ['POST /v1/agent/bootstrap', { tenant, agent }])).token)
}

/** Each kind of credential that the victim has. */
export const credentialsOf = ({ held, token }: Victim): readonly [kind: string, options: CallOptions][] => [
  ['agent-token', { token }],
  ['agent-certificate', { tls: held }],
  ['agent-token with certificate', { token, tls: held }],
]

/** Every route that asks for a credential. */
export const GUARDED = (Object.entries(routes) as [RouteId, Route][]).filter(([, { auth }]) => auth.kind !== 'public')

const DEAD_CODES = new Set([
  ...['agent_quarantined', 'agent_retired', 'incarnation_dead', 'tenant_killed', 'lineage_ended'],
  ...['certificate_revoked', 'key_killed'],
])

/** Every route refuses every credential of the victim, for the reason that it is dead. */
export async function refusedEverywhere({ call }: Called, dead: Victim, when: string): Promise<void> {
  for (const [kind, options] of credentialsOf(dead)) {
    const ask = async ([id, route]: (typeof GUARDED)[number]) => {
      const { status, body, text } = await call(lineOf(route, dead), { ...options, raw: '{}' })
      const isRefused = DEAD_CODES.has(body?.code) || isStranger(id, options, body?.code)
      assert.ok(isRefused, `${when}, ${kind}, ${id}: ${status} ${text}`)
    }
    await Promise.all(GUARDED.map(ask))
  }
}

/** Where a token must be of an identity provider, one of ours is a stranger's, dead or alive. */
const isStranger = (id: RouteId, { token }: CallOptions, code: unknown) =>
  id === 'federatedBootstrap' &&
  token !== undefined &&
  (code === 'tenant_header_missing' || code === 'external_token_invalid')

const lineOf = (route: Route, { tenant, agent, minter }: Victim): string => {
  const { method, path } = splitCall(route.call)
  return `${method} ${path.replace('{tenant}', tenant).replace('{agent}', agent).replace('{id}', minter.id)}`
}

/** Every route refuses this bearer or certificate with this code. */
export async function refusedWith({ call }: Called, code: string, options: CallOptions): Promise<void> {
  for (const [id, route] of GUARDED) {
    const { body, text } = await call(route.call, { ...options, raw: '{}' })
    assert.ok(body?.code === code || isStranger(id, options, body?.code), `${id}: ${text}`)
  }
}
