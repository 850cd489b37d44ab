import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Serving, tenant } from '@lanyard/sdk'
import { PlainCaller } from '../support/caller.ts'
import { Cast } from '../support/cast.ts'
import { FederatedTenant, outcomeOf, upBeside } from '../support/federated-tenant.ts'
import { gone } from '../support/gone.ts'
import type { LanyardUp } from '../support/lanyard-up.ts'
import { OidcProvider } from '../support/oidc-provider.ts'

// A real provider and a real authority in a process of its own; what happens to the one shows at the other.
let provider: OidcProvider
let up: LanyardUp
let acme: FederatedTenant

before(async () => {
  provider = await OidcProvider.start()
  up = await upBeside(provider)
  acme = await FederatedTenant.of(up, 'acme', provider)
})
after(async () => {
  await up?.remove()
  await provider?.close()
})

const whoami = async (agent: { readonly key: string; readonly cert: string }) =>
  outcomeOf(await acme.ask('GET /v1/whoami', { tls: agent }))

test('an agent that the provider knows gets in, and is what the provider calls it', async () => {
  const agent = await acme.agent('worker')
  assert.equal(await whoami(agent), 200)
  const { items } = await up.call('GET', `/v1/agents?provenance=${encodeURIComponent(`federated:${provider.issuer}`)}`)
  assert.deepEqual(
    items.map(({ agent, external_subject }: Record<string, string>) => [agent, external_subject]),
    [['worker', 'worker']],
  )
})

test('a provider that rotates its keys is followed, and one that withdrew a key is obeyed', async () => {
  const old = await provider.clientToken('rotating')
  provider.rotate({ keepOld: false })
  assert.equal(outcomeOf(await acme.bootstrap(await provider.clientToken('rotating'))), 200)
  assert.equal(outcomeOf(await acme.bootstrap(old)), 'external_token_invalid')
})

test('a provider that goes away is missed by nobody for a while, and back again', async () => {
  const token = await provider.clientToken('patient')
  await provider.leave()
  assert.equal(outcomeOf(await acme.bootstrap(token)), 200)
  await provider.comeBack()
  assert.equal(outcomeOf(await acme.bootstrap(await provider.clientToken('patient'))), 200)
})

test('a provider that was never reached vouches for nobody', async () => {
  const away = await OidcProvider.start()
  const token = await away.clientToken('worker')
  const globex = await FederatedTenant.of(up, 'globex', away)
  await away.leave()
  assert.equal(outcomeOf(await globex.bootstrap(token)), 'idp_unreachable')
  await away.close()
})

test('a provider that calls itself otherwise is another one', async () => {
  const { issuer } = provider
  provider.rename(`${issuer}/`)
  assert.equal(outcomeOf(await acme.bootstrap(await provider.sign({ sub: 'worker' }))), 'idp_unknown')
  provider.rename(issuer)
  assert.equal(outcomeOf(await acme.bootstrap(await provider.sign({ sub: 'worker' }))), 200)
})

test('a provider vouches in its own tenant alone', async () => {
  const other = await OidcProvider.start()
  const initech = await FederatedTenant.of(up, 'initech', other, { issuer: other.issuer })
  const token = await provider.clientToken('worker')
  assert.equal(outcomeOf(await initech.bootstrap(token)), 'idp_unknown')
  const forged = await other.sign({ iss: provider.issuer, sub: 'worker' })
  assert.equal(outcomeOf(await acme.bootstrap(forged)), 'external_token_invalid')
  await other.close()
})

test('a provider that was broken into goes with all that it vouched for, by one kill', async () => {
  const cast = await Cast.of(up, 'umbrella')
  const service = await cast.identity('service')
  const serving: Serving = await service.serve({ allow: tenant('acme') }, (_, response) => response.end('done'))
  try {
    const agents = await Promise.all(['one', 'two', 'three'].map(client => acme.agent(client)))
    const unused = (await acme.bootstrap(await provider.clientToken('four'))).body.token
    const callers = agents.map(agent => new PlainCaller(agent, up.rootPem))
    const where = { host: '127.0.0.1', port: serving.port }
    const open = await Promise.all(callers.map(caller => caller.connect(where)))
    const ends = open.map(connection => gone(connection))
    const target = { minted_by: `idp:${acme.idp.id}`, reason: 'the signing key of the provider was stolen' }
    const { incident } = await up.call('POST', '/v1/kill', target)
    // What they have open ends, at a service that knows them by their certificates alone.
    await Promise.all(ends)
    for (const agent of agents) assert.equal(await whoami(agent), 'certificate_revoked')
    assert.equal(outcomeOf(await acme.ask('POST /v1/agent/auth/cert', { token: unused, body: {} })), 'lineage_ended')
    // The thief goes on signing, and it opens nothing.
    assert.equal(outcomeOf(await acme.bootstrap(await provider.sign({ sub: 'one' }))), 'idp_disabled')
    assert.deepEqual((await up.call('GET', `/v1/tenants/acme/idps/${acme.idp.id}`)).enabled, false)
    assert.equal((await acme.events('federation.ended')).length, 1)
    assert.equal((await up.call('GET', `/v1/incidents/${incident}`)).target.value, target.minted_by)
  } finally {
    await serving.close()
    await service.close()
  }
})
