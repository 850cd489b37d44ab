import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { Answer, CallOptions, ClientTls } from '../../packages/server/src/testing/client.ts'
import { csrOf } from '../../packages/server/src/testing/http.ts'
import { joinNode } from '../../packages/server/src/testing/nodes.ts'
import { bySecret, SecretAgent } from '../../packages/server/src/testing/secrets.ts'
import { peopleStage } from '../../packages/server/src/testing/stages.ts'

// Every way by which an agent gets in, tried while it lives, when it was killed, and when it was reinstated: by what it
// held before the kill, and by what it got since. Nothing old revives.

const { server, admin, people } = await peopleStage()

const newCsr = () => csrOf(generateKeyNow('P-256'))
const outcomeOf = ({ status, body }: Answer): string => (status < 300 ? 'in' : body.code)

/** What is tried at a door, and what is answered: alive, killed, reinstated. */
type Door = readonly [door: string, attempt: () => Promise<Answer>, outcomes: readonly [string, string, string]]

/** What credentials of before are answered, and what somebody else gets who opens anew for the agent. */
const DEAD = ['in', 'agent_quarantined', 'incarnation_dead'] as const
const ANEW = ['in', 'agent_quarantined', 'in'] as const
const NEVER = ['federation_required', 'federation_required', 'federation_required'] as const

async function hold(agent: { readonly tenant: string; readonly agent: string }, doors: readonly Door[]): Promise<void> {
  const ask = async () => {
    const outcomes: string[] = []
    for (const [, attempt] of doors) outcomes.push(outcomeOf(await attempt()))
    return outcomes
  }
  const path = `/v1/agents/${agent.tenant}/${agent.agent}`
  const alive = await ask()
  await people.done(`POST ${path}/kill`, { reason: 'test' })
  const killed = await ask()
  server.clock.advance(2)
  await people.done(`POST ${path}/reinstate`, { reason: 'test' })
  server.clock.advance(1)
  const reinstated = await ask()
  assert.deepEqual(
    doors.map(([door], row) => [door, alive[row], killed[row], reinstated[row]]),
    doors.map(([door, , outcomes]) => [door, ...outcomes]),
  )
}

const bootstrap = (agent: object, options: CallOptions) =>
  server.call('POST /v1/agent/bootstrap', { ...options, body: agent })
const exchange = (options: CallOptions, csr: string) =>
  server.call('POST /v1/agent/auth/cert', { ...options, body: { csr } })

test('of an agent that is registered here', async () => {
  const agent = { tenant: 'acme', agent: 'invoice' }
  await server.agent(agent)
  const secrets = new SecretAgent(server, admin, agent)
  const node = await joinNode(server, { name: 'n1', tenant: 'acme' })
  const { id: entry } = await people.done('POST /v1/entries', { ...agent, selectors: ['unix:uid:1001'] })
  const { provider, id: issuer } = await people.issuer('acme')
  const bindee = { kind: 'user', issuer, value: 'deployer', role: 'issuer', tenant: 'acme' }
  await people.done('POST /v1/access/bindings', bindee)
  const key = { token: await server.apiKey('issuer', { tenant: 'acme' }) }
  const token = { token: await server.token(agent) }
  const unused = { token: await server.token(agent) }
  const held = { tls: await server.certificate(agent) }
  const { secret } = await secrets.create()
  const session = { token: (await secrets.session(secret)).body.token }
  const workload = (body: object) => server.call('POST /v1/node/svids/x509', { tls: node, body: { entry, ...body } })
  const { lineage, serial } = (await workload({ csr: await newCsr() })).body
  const follows = { csr: await newCsr(), renews: { lineage, serial } }
  const csr = await newCsr()
  const bySession = (tls?: typeof held.tls) =>
    server.call('POST /v1/agent/session', bySecret(secret, tls, { body: agent }))

  await hold(agent, [
    ['an API key, for a token', () => bootstrap(agent, key), ANEW],
    ['a person, for a token', async () => bootstrap(agent, { token: await provider.sign({ sub: 'deployer' }) }), ANEW],
    ['its token, for a certificate', () => exchange(token, csr), DEAD],
    ['its certificate, for what it may', () => server.call('GET /v1/whoami', held), DEAD],
    ['its certificate, for the next one', () => exchange(held, csr), DEAD],
    ['its secret, for a token', () => bySession(), DEAD],
    // The certificate is judged first, and is no proof any more.
    ['its secret and its certificate', () => bySession(held.tls), ['in', 'factor_untrusted', 'factor_untrusted']],
    ['the token of a session', () => server.call('GET /v1/whoami', session), DEAD],
    ['a node, for the certificate after one', () => workload(follows), DEAD],
    ['a node, for a first certificate', async () => workload({ csr: await newCsr() }), ANEW],
    ['a node, for a JWT-SVID', () => server.call('POST /v1/node/svids/jwt', jwt(node, entry)), ANEW],
  ])
  assert.equal(outcomeOf(await exchange(unused, csr)), 'incarnation_dead')
})

const jwt = (tls: ClientTls, entry: string) => ({ tls, body: { entry, audience: ['billing'] } })

test('of an agent that a provider vouches for', async () => {
  const agent = { tenant: 'globex', agent: 'worker' }
  await people.done('POST /v1/tenants', { tenant: 'globex' })
  const provider = await people.providers.make('https://idp.globex.test')
  const vouching = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
  await people.done('POST /v1/tenants/globex/idps', vouching)
  const headers = { 'x-lanyard-tenant-id': 'globex' }
  const show = (token: string) => server.call('POST /v1/agent/federated-bootstrap', { token, headers })
  const spent = await provider.sign({ sub: 'worker' })
  const { token } = (await show(spent)).body
  const csr = await newCsr()
  const kept = await provider.sign({ sub: 'worker' })
  await hold(agent, [
    // What it opened is over, whatever its agent is.
    ['a provider’s token of before', () => show(spent), ['in', 'agent_quarantined', 'lineage_ended']],
    ['a provider’s token of now', async () => show(await provider.sign({ sub: 'worker' })), ANEW],
    ['its agent token, for a certificate', () => exchange({ token }, csr), DEAD],
    ['an API key, for a token', () => bootstrap(agent, { token: admin }), NEVER],
  ])
  assert.equal(outcomeOf(await show(kept)), 'incarnation_dead')
})
