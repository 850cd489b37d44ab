import assert from 'node:assert/strict'
import { test } from 'node:test'
import { principalIdOf } from '@lanyard/authority'
import { generateKeyNow, nodeCrypto } from '@lanyard/protocol/node'
import type { Answer, CallOptions, ClientTls } from '../../packages/server/src/testing/client.ts'
import { csrOf, pemOf } from '../../packages/server/src/testing/http.ts'
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

const hold = (agent: { readonly tenant: string; readonly agent: string }, doors: readonly Door[]) =>
  holdAll(doors, {
    kill: () => people.done(`POST /v1/agents/${agent.tenant}/${agent.agent}/kill`, { reason: 'test' }),
    reinstate: () => people.done(`POST /v1/agents/${agent.tenant}/${agent.agent}/reinstate`, { reason: 'test' }),
  })

interface Ordeal {
  readonly kill: () => Promise<unknown>
  readonly reinstate: () => Promise<unknown>
}

async function holdAll(doors: readonly Door[], { kill, reinstate }: Ordeal): Promise<void> {
  const ask = async () => {
    const outcomes: string[] = []
    for (const [, attempt] of doors) outcomes.push(outcomeOf(await attempt()))
    return outcomes
  }
  const alive = await ask()
  await kill()
  const killed = await ask()
  server.clock.advance(2)
  await reinstate()
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

/** What a principal is answered by what it had before the kill, and by what it got since. */
const OLD = ['in', 'principal_barred', 'credential_too_old'] as const
const NEW = ['in', 'principal_barred', 'in'] as const

test('of people and programs who manage', async () => {
  const { provider, id: issuer } = await people.issuer()
  const agent = { tenant: 'acme', agent: 'manager' }
  await server.agent(agent)
  const spiffeId = 'spiffe://example.test/tenant/acme/agent/manager'
  await people.bind({ kind: 'user', issuer, value: 'ada' }, 'operator')
  await people.bind({ kind: 'user', issuer, value: 'opaque' }, 'operator')
  await people.bind({ kind: 'certificate', value: 'dn:CN=ann' }, 'operator')
  await people.bind({ kind: 'spiffe-id', value: spiffeId }, 'operator', { tenant: 'acme' })
  const seconds = () => Math.floor(server.clock.now() / 1000)
  const jwt = async () => ({ token: await provider.sign({ sub: 'ada' }) })
  const opaque = (claims = {}) => ({ token: people.providers.opaque(provider.issuer, { sub: 'opaque', ...claims }) })
  const certificate = () => ({ tls: people.operators.client({ subject: 'ann', notBefore: seconds() }) })
  const svid = async () => ({ tls: await server.certificate(agent) })
  const renew = async (tls: ClientTls) => {
    const key = generateKeyNow('P-256')
    const { body } = await exchange({ tls }, await csrOf(key))
    return { tls: { key: pemOf(key), cert: body.certificate + body.chain } }
  }
  const manage = (options: CallOptions) => server.call('GET /v1/agents', options)
  const held = {
    ...{ jwt: await jwt(), opaque: opaque({ iat: seconds() }), undated: opaque() },
    ...{ certificate: certificate(), svid: await svid() },
  }
  const renewed = await renew(held.svid.tls)
  const of = async (options: CallOptions) => (await server.call('GET /v1/whoami', options)).body.id
  const nameOf = principalIdOf(['spiffe-id', spiffeId], nodeCrypto)
  const ids = [await of(held.jwt), await of(held.opaque), await of(held.certificate), nameOf]
  const each = async (line: (id: string) => readonly [string, object?]) => {
    for (const id of ids) await people.done(...line(id))
  }
  const doors: Door[] = [
    ['a person’s token of before', () => manage(held.jwt), OLD],
    ['a person’s token of now', async () => manage(await jwt()), NEW],
    ['an opaque token of before', () => manage(held.opaque), OLD],
    ['an opaque token of now', () => manage(opaque({ iat: seconds() })), NEW],
    ['an opaque token that tells no age', () => manage(held.undated), OLD],
    ['another one that tells no age', () => manage(opaque()), OLD],
    ['an operator’s certificate of before', () => manage(held.certificate), OLD],
    ['an operator’s certificate of now', () => manage(certificate()), NEW],
    ['an SVID of before', () => manage(held.svid), OLD],
    ['an SVID that was renewed', () => manage(renewed), OLD],
    ['an SVID of a new lineage', async () => manage(await svid()), NEW],
  ]
  await holdAll(doors, {
    kill: () => each(id => ['POST /v1/kill', { minted_by: `principal:${id}`, reason: 'test' }]),
    reinstate: () => each(id => [`POST /v1/access/principals/${id}/reinstate`]),
  })
})
