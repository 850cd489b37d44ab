import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { SecretAgent } from '../testing/secrets.ts'
import { type Called, DEATHS, type Death, done, type Victim } from '../testing/the-dead.ts'

// Every way to die × the secret of an agent and what it opened, before and after, and after a reinstatement.

let harness: HttpHarness
let server: Called

before(async () => {
  harness = await openHttp({ limits: { rate_per_minute: 0 } })
  server = { admin: await harness.apiKey('admin'), call: harness.call }
})
after(() => harness.close())

interface Holder extends Victim {
  readonly own: SecretAgent
  readonly id: string
  readonly secret: string
}

/** An agent in a tenant of its own, all of whose credentials a session opened. */
async function holderOf(tenant: string): Promise<Holder> {
  const key = { tenant, agent: 'a1' }
  await done(server, ['POST /v1/tenants', { tenant, key_policy: 'modern' }])
  await done(server, ['POST /v1/agents', key])
  const own = new SecretAgent(server, server.admin, key)
  const { id, secret } = await own.create()
  const held = await own.held(secret)
  const { token } = (await own.session(secret)).body
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8'))
  const minter = { id: 'none', key: 'none' }
  return { ...key, held, token, jti: claims.jti, lineage: claims.lin, minter, own, id, secret }
}

/** What an answer says: its code, or `lives`. */
const stateOf = ({ status, body }: { status: number; body: { code?: string } }) => (status < 300 ? 'lives' : body.code)

async function statesOf({ own, secret, held, token }: Holder) {
  return {
    secret: stateOf(await own.session(secret)),
    certificate: stateOf(await harness.call('GET /v1/whoami', { tls: held })),
    token: stateOf(await harness.call('GET /v1/whoami', { token })),
  }
}

const ALIVE = { secret: 'lives', certificate: 'lives', token: 'lives' }
const all = (code: string) => ({ secret: code, certificate: code, token: code })
const QUARANTINED = all('agent_quarantined')

/**
 * What is left after each: a kill of one lineage leaves the agent its secret, and the lineages that it opened besides.
 */
const LEFT: Readonly<Record<string, ReturnType<typeof all>>> = {
  'kill of the agent, scope agent': QUARANTINED,
  'kill of the agent, scope lineage': QUARANTINED,
  'kill of the agent, scope token': QUARANTINED,
  'kill of the agent, scope source': QUARANTINED,
  'kill of the agent, scope api-key': QUARANTINED,
  'kill of the tenant': all('tenant_killed'),
  quarantine: QUARANTINED,
  retirement: all('agent_retired'),
  'kill by serial': { ...ALIVE, certificate: 'certificate_revoked' },
  'kill by lineage': { ...ALIVE, token: 'lineage_ended' },
  'kill by key': { ...ALIVE, certificate: 'certificate_revoked' },
  'kill by agent token': { ...ALIVE, token: 'lineage_ended' },
  'revocation by serial': { ...ALIVE, certificate: 'certificate_revoked' },
  'revocation of all that the agent holds': {
    ...ALIVE,
    ...{ certificate: 'certificate_revoked', token: 'lineage_ended' },
  },
}

const OF_SECRETS: readonly Death[] = [
  { name: 'revocation of the secret', call: ({ tenant }) => [`POST /v1/agents/${tenant}/a1/revoke-secret`, REASON] },
  { name: 'kill by the minting secret', call: victim => ['POST /v1/kill', { ...REASON, minted_by: minterOf(victim) }] },
]
const REASON = { reason: 'test' }
const minterOf = (victim: Victim) => `agent-secret:${(victim as Holder).id}`
const SECRET_GONE = { secret: 'secret_revoked', certificate: 'certificate_revoked', token: 'lineage_ended' }

describe('the secret of an agent and what it opened', () => {
  for (const [index, { name, call, revival }] of [...DEATHS, ...OF_SECRETS].entries()) {
    // Of lineages that an API key opened.
    if (name === 'kill by minting API key') continue
    test(`after ${name}`, async () => {
      const holder = await holderOf(`t${index}`)
      assert.deepEqual(await statesOf(holder), ALIVE)
      await done(server, call(holder))
      assert.deepEqual(await statesOf(holder), LEFT[name] ?? SECRET_GONE)
      if (!revival) return
      await done(server, revival(holder))
      assert.deepEqual(await statesOf(holder), all('incarnation_dead'))
      const { secret } = await holder.own.create()
      assert.equal(stateOf(await holder.own.session(secret)), 'lives')
    })
  }
})
