import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { CallOptions } from '../testing/client.ts'
import { csrOf, type Held, type HttpHarness, openHttp, pemOf } from '../testing/http.ts'

// Every way to die × every kind of credential × every route: nothing answers the dead, and nothing revives them.

interface Victim {
  readonly tenant: string
  readonly agent: string
  readonly held: Held
  /** Of the lineage of the certificate. */
  readonly token: string
  readonly jti: string
  readonly lineage: string
  readonly minter: { readonly id: string; readonly key: string }
}

interface Death {
  readonly name: string
  /** The calls that bring it about. */
  readonly calls: (victim: Victim) => readonly [call: string, body: object][]
  readonly revival?: (victim: Victim) => readonly [call: string, body: object]
  /** What else dies than the agent's own credentials. */
  readonly takesMinter?: true
}

const reason = 'test'
const agentPath = ({ tenant, agent }: Victim) => `/v1/agents/${tenant}/${agent}`
const reinstated = (victim: Victim) => [`POST ${agentPath(victim)}/reinstate`, { reason }] as const

const DEATHS: readonly Death[] = [
  ...(['agent', 'lineage', 'token', 'source'] as const).map(scope => ({
    name: `kill of the agent, scope ${scope}`,
    calls: (victim: Victim) => [[`POST ${agentPath(victim)}/kill`, { reason, scope }]] as [string, object][],
    revival: reinstated,
  })),
  {
    name: 'kill of the agent, scope api-key',
    calls: victim => [[`POST ${agentPath(victim)}/kill`, { reason, scope: 'api-key' }]],
    revival: reinstated,
    takesMinter: true,
  },
  {
    name: 'kill of the tenant',
    calls: ({ tenant }) => [[`POST /v1/tenants/${tenant}/kill`, { reason }]],
    revival: ({ tenant }) => [`POST /v1/tenants/${tenant}/reinstate`, { reason }],
  },
  {
    name: 'quarantine',
    calls: victim => [[`PATCH ${agentPath(victim)}`, { lifecycle: 'quarantined' }]],
    revival: reinstated,
  },
  { name: 'retirement', calls: victim => [[`PATCH ${agentPath(victim)}`, { lifecycle: 'retired' }]] },
  { name: 'kill by serial', calls: ({ held: { serial } }) => [['POST /v1/kill', { reason, serial }]] },
  { name: 'kill by lineage', calls: ({ lineage }) => [['POST /v1/kill', { reason, lineage }]] },
  {
    name: 'kill by key',
    calls: ({ held }) => [
      ['POST /v1/kill', { reason, key_thumbprint: jwkThumbprint(jwkFromSpki(spkiOf(held.privateKey)), nodeCrypto) }],
    ],
  },
  {
    name: 'kill by minting API key',
    calls: ({ minter }) => [['POST /v1/kill', { reason, minted_by: `api-key:${minter.id}` }]],
    takesMinter: true,
  },
  { name: 'kill by agent token', calls: ({ jti }) => [['POST /v1/kill', { reason, minted_by: `agent-token:${jti}` }]] },
  {
    name: 'revocation by serial',
    calls: ({ held: { serial } }) => [['POST /v1/agent/auth/revoke', { reason, serial }]],
  },
  {
    name: 'revocation of all that the agent holds',
    calls: ({ tenant, agent }) => [['POST /v1/agent/auth/revoke', { reason, tenant, agent }]],
  },
]

const DEAD_CODES = new Set([
  ...['agent_quarantined', 'agent_retired', 'incarnation_dead', 'tenant_killed', 'lineage_ended'],
  ...['certificate_revoked', 'key_killed'],
])

let server: HttpHarness
let admin: string

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 } })
  admin = await server.apiKey('admin')
})
after(() => server.close())

async function ok(line: string, body: object, token = admin) {
  const answer = await server.call(line, { token, body })
  assert.ok(answer.status < 300, `${line}: ${answer.text}`)
  return answer.body
}

let made = 0
async function victim(): Promise<Victim> {
  const key = { tenant: `t${++made}`, agent: 'a1' }
  await server.agent(key)
  const minter = await ok('POST /v1/api-keys', { name: 'k', role: 'admin', tenant: key.tenant })
  const { token } = await ok('POST /v1/agent/bootstrap', key, minter.key)
  const privateKey = generateKeyNow('P-256')
  const issued = await ok('POST /v1/agent/auth/cert', { csr: await csrOf(privateKey) }, token)
  const held = {
    serial: issued.serial as string,
    privateKey,
    key: pemOf(privateKey),
    cert: issued.certificate + issued.chain,
  }
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8'))
  return { ...key, held, token, jti: claims.jti, lineage: claims.lin, minter }
}

const guarded = (Object.entries(routes) as [RouteId, Route][]).filter(([, { auth }]) => auth.kind !== 'public')

const lineOf = (route: Route, { tenant, agent, minter }: Victim): string => {
  const { method, path } = splitCall(route.call)
  const filled = path
    .replace('{tenant}', tenant)
    .replace('{agent}', agent)
    .replace('{id}', minter.id)
    .replace('{incident}', 'inc_nobodys')
    .replace('{instance}', server.pipeline.instance)
  return `${method} ${filled}`
}

/** Each kind of credential of the dead, by what it must be refused with. */
function credentialsOf({ held, token }: Victim): readonly [kind: string, options: CallOptions][] {
  return [
    ['agent-token', { token }],
    ['agent-certificate', { tls: held }],
    ['agent-token with certificate', { token, tls: held }],
  ]
}

async function refusedEverywhere(dead: Victim, when: string): Promise<void> {
  for (const [kind, options] of credentialsOf(dead)) {
    const answers = await Promise.all(
      guarded.map(
        async ([id, route]) => [id, await server.call(lineOf(route, dead), { ...options, raw: '{}' })] as const,
      ),
    )
    for (const [id, { status, body, text }] of answers) {
      assert.ok(DEAD_CODES.has(body?.code), `${when}, ${kind}, ${id}: ${status} ${text}`)
    }
  }
}

async function minterIsDead({ minter: { key: token } }: Victim): Promise<void> {
  for (const [id, route] of guarded) {
    const { body } = await server.call(route.call, {
      token,
      raw: '{}',
    })
    assert.equal(body?.code, 'unauthenticated', id)
  }
}

describe('nothing answers the dead', () => {
  for (const { name, calls, revival, takesMinter } of DEATHS) {
    test(name, async () => {
      const dead = await victim()
      for (const [line, body] of calls(dead)) await ok(line, body)
      await refusedEverywhere(dead, 'dead')
      if (takesMinter) await minterIsDead(dead)
      if (!revival) return
      await ok(...revival(dead))
      await refusedEverywhere(dead, 'reinstated')
      const { status } = await server.call('GET /v1/whoami', { tls: await server.certificate(dead) })
      assert.equal(status, 200)
    })
  }

  test('an eviction kills what the instance signed, and only that', async t => {
    const own = await openHttp()
    t.after(() => own.close())
    const key = { tenant: 'acme', agent: 'a1' }
    await own.agent(key)
    const [held, token] = [await own.certificate(key), await own.apiKey('admin')]
    await own.call(`POST /v1/instances/${own.pipeline.instance}/evict`, { token, body: { reason } })
    for (const [id, route] of guarded) {
      const { body } = await own.call(route.call, {
        tls: held,
        raw: '{}',
      })
      assert.equal(body?.code, 'certificate_revoked', id)
    }
    assert.equal((await own.call('GET /v1/whoami', { token: await own.token(key) })).status, 200)
  })

  test('whoever lives goes on', async () => {
    const alive = await victim()
    for (const [kind, options] of credentialsOf(alive))
      assert.equal((await server.call('GET /v1/whoami', options)).status, 200, kind)
  })
})
