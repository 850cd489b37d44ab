import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { agentId, caller, Identity, type Token, type TokenOptions, tenant } from '@lanyard/sdk'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

let authority: LanyardUp

before(async () => {
  authority = await lanyardUp()
  for (const name of ['acme', 'globex']) await authority.call('POST', '/v1/tenants', { tenant: name })
})
after(() => authority.remove())

async function mint(owner: string, agent: string): Promise<string> {
  return (await authority.call('POST', '/v1/agent/bootstrap', { tenant: owner, agent })).token
}

/** A new agent with its identity. RSA keys unless told otherwise, as tenants ask for. */
async function newAgent(
  owner: string,
  agent: string,
  options: Partial<TokenOptions> = {},
  token?: Token,
): Promise<Identity> {
  await authority.call('POST', '/v1/agents', { tenant: owner, agent, tier: 'gold' })
  const { url, root_sha256: rootSha256 } = authority.ready
  return Identity.fromToken({ url, rootSha256, token: token ?? (await mint(owner, agent)), ...options })
}

test('two agents of a tenant meet both ways, and an agent of another tenant stays outside', async () => {
  const [alice, bob, eve] = await Promise.all([
    newAgent('acme', 'alice'),
    newAgent('acme', 'bob'),
    newAgent('globex', 'eve'),
  ])
  const serve = (who: Identity) =>
    who.serve({ allow: tenant('acme') }, (request, response) => response.end(`${caller(request).id}`))
  const [atAlice, atBob] = await Promise.all([serve(alice), serve(bob)])
  assert.equal(await (await alice.fetch(atBob.url, { peer: agentId(bob.id) })).text(), `${alice.id}`)
  assert.equal(await (await bob.fetch(atAlice.url, { peer: agentId(alice.id) })).text(), `${bob.id}`)
  const refused = await eve.fetch(atBob.url, { peer: agentId(bob.id) })
  assert.equal(refused.status, 403)
  assert.equal(((await refused.json()) as { code: string }).code, 'peer_not_allowed')
  await Promise.all([atAlice.close(), atBob.close(), alice.close(), bob.close(), eve.close()])
})

test('an agent renews with its own certificate and a new key, and an open stream does not notice', async () => {
  const [carol, dave] = await Promise.all([newAgent('acme', 'carol'), newAgent('acme', 'dave')])
  const service = await dave.serve({ allow: tenant('acme') }, (_request, response) => {
    response.write('before')
    service.server.once('go on', () => response.end('after'))
  })
  const reader = (await carol.fetch(service.url, { peer: agentId(dave.id) })).body!.getReader()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'before')
  const [before1, before2] = [carol.svid.serial, dave.svid.serial]
  await Promise.all([carol.renew(), dave.renew()])
  assert.notEqual(carol.svid.serial, before1)
  assert.notEqual(dave.svid.serial, before2)
  service.server.emit('go on')
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'after')
  for (let i = 0; i < 3; i++) await carol.renew()
  const { items } = await authority.call('GET', '/v1/certificates?tenant=acme&agent=carol')
  assert.equal(items.length, 5)
  await Promise.all([service.close(), carol.close(), dave.close()])
})

test('a key that the tenant does not allow is refused, and where it does, it serves', async () => {
  await assert.rejects(newAgent('acme', 'ec', { keyType: 'P-256' }), { code: 'key_type_forbidden', status: 400 })
  await authority.call('POST', '/v1/tenants', { tenant: 'modern', key_policy: 'modern' })
  const agent = await newAgent('modern', 'ec', { keyType: 'P-256', ttlSec: 60 })
  assert.equal(agent.svid.notAfter - agent.svid.notBefore, 60 + 10 - 1)
  await agent.close()
})

test('a quarantined agent is lost, and says what to do; reinstated, it comes back with a fresh token', async () => {
  const agent = await newAgent('acme', 'mallory', {}, () => mint('acme', 'mallory'))
  await authority.call('PATCH', '/v1/agents/acme/mallory', { lifecycle: 'quarantined' })
  const told = once(agent, 'lost')
  await assert.rejects(agent.renew(), { code: 'agent_quarantined', status: 403 })
  const [lost] = await told
  assert.equal(lost.code, 'agent_quarantined')
  assert.match(lost.remedy, /reinstate/)
  await authority.call('POST', '/v1/agents/acme/mallory/reinstate', { reason: 'a false alarm' })
  const renewed = once(agent, 'renewed')
  await agent.renew().catch(() => {})
  await renewed
  await agent.close()
})

test('a token that another key has used is refused', async () => {
  const agent = await newAgent('acme', 'erin')
  const token = await mint('acme', 'erin')
  const { url, root_sha256: rootSha256 } = authority.ready
  const first = await Identity.fromToken({ url, rootSha256, token })
  await assert.rejects(Identity.fromToken({ url, rootSha256, token }), { code: 'token_reused', status: 403 })
  await Promise.all([agent.close(), first.close()])
})
