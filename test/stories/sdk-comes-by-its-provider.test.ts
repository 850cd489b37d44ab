import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { agentId, caller, Identity, type IdentityEvents, type ProviderOptions, tenant } from '@lanyard/sdk'
import { FederatedTenant, upBeside } from '../support/federated-tenant.ts'
import type { Json, LanyardUp } from '../support/lanyard-up.ts'
import { OidcProvider } from '../support/oidc-provider.ts'

// A real provider, a real authority in a process of its own, and the SDK as programs use it.
let provider: OidcProvider
let up: LanyardUp
let acme: FederatedTenant
let folder: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanyard-projected-'))
  provider = await OidcProvider.start()
  up = await upBeside(provider)
  acme = await FederatedTenant.of(up, 'acme', provider)
})
after(async () => {
  await up?.remove()
  await provider?.close()
  rmSync(folder, { recursive: true, force: true })
})

const optionsFor = (agent: string): ProviderOptions => ({
  ...{ url: up.ready.url, rootSha256: up.ready.root_sha256, tenant: 'acme', keyType: 'P-256' },
  idpToken: () => provider.clientToken(agent),
  // How old news may be is tried elsewhere; a slow machine shall not be taken for silence here.
  liveness: { budgetMs: 30_000 },
})

const openedBy = async (agent: string): Promise<readonly Json[]> =>
  (await acme.events('agent.bootstrapped')).filter(event => event.agent === agent)

/**
 * A token that says it was issued after this moment. Tokens tell whole seconds: one of the same second as a death might
 * have been stolen before it, and is refused for good.
 */
async function tokenAfter(moment: number, agent: string): Promise<string> {
  for (;;) {
    const token = await provider.clientToken(agent)
    const { iat } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { readonly iat: number }
    if (iat * 1000 > moment) return token
  }
}

/** Kept at the first of these events with this code. */
function told<Name extends 'failing' | 'lost'>(
  identity: Identity,
  name: Name,
  code: string,
): Promise<IdentityEvents[Name][0]> {
  return new Promise(resolve => {
    const hear = (event: IdentityEvents[Name][0]) => {
      if (event.error.code !== code) return
      identity.off(name, hear as never)
      resolve(event)
    }
    identity.on(name, hear as never)
  })
}

test('two agents that a provider vouches for meet, and renew with their own certificates', async () => {
  const [planner, invoice] = await Promise.all([
    Identity.fromProvider(optionsFor('planner')),
    Identity.fromProvider(optionsFor('invoice')),
  ])
  const service = await invoice.serve({ allow: tenant('acme') }, (request, response) => {
    response.end(`${caller(request).id}`)
  })
  const call = async () => await (await planner.fetch(service.url, { peer: agentId(invoice.id) })).text()
  assert.match(await call(), /\/tenant\/acme\/agent\/planner$/)
  const { serial } = planner.svid
  await Promise.all([planner.renew(), invoice.renew()])
  assert.notEqual(planner.svid.serial, serial)
  assert.equal(await call(), `${planner.id}`)
  assert.equal((await openedBy('planner')).length, 1)
  await Promise.all([service.close(), planner.close(), invoice.close()])
})

test('reinstated, an agent comes back by itself, once its file holds a token that it has not used', async () => {
  const file = join(folder, 'token')
  writeFileSync(file, await provider.clientToken('pod'))
  const identity = await Identity.fromEnvironment(
    {},
    {
      LANYARD_URL: up.ready.url,
      LANYARD_ROOT_SHA256: up.ready.root_sha256,
      LANYARD_TENANT: 'acme',
      LANYARD_IDP_TOKEN_FILE: file,
    },
  )
  const { serial } = identity.svid
  // A false alarm, which was over before the agent heard of it.
  await up.call('PATCH', '/v1/agents/acme/pod', { lifecycle: 'quarantined' })
  await up.call('POST', '/v1/agents/acme/pod/reinstate', { reason: 'a false alarm' })
  const waits = told(identity, 'failing', 'idp_token_spent')
  await assert.rejects(identity.renew(), { code: 'incarnation_dead' })
  const { error } = await waits
  assert.match(error.message, /an earlier key/)
  assert.equal((await openedBy('pod')).length, 1)
  const fresh = await tokenAfter(Date.now(), 'pod')
  const renewed = once(identity, 'renewed')
  writeFileSync(file, fresh)
  await renewed
  assert.notEqual(identity.svid.serial, serial)
  assert.equal((await openedBy('pod')).length, 2)
  await identity.close()
})

test('a token that another program has used is not fought over: it waits for one of its own', async () => {
  const token = await provider.clientToken('restarted')
  const options = { ...optionsFor('restarted'), idpToken: token }
  const first = await Identity.fromProvider(options)
  await assert.rejects(Identity.fromProvider(options), { code: 'token_reused', status: 403 })
  let asked = 0
  const second = await Identity.fromProvider({
    ...options,
    idpToken: () => (++asked < 3 ? token : provider.clientToken('restarted')),
  })
  assert.equal(asked, 3)
  assert.equal((await openedBy('restarted')).length, 2)
  await Promise.all([first.close(), second.close()])
})

test('a kill by the agent holds against its provider too, and a provider that is switched off lets nobody in', async () => {
  const agent = await Identity.fromProvider(optionsFor('mallory'))
  await up.call('PATCH', '/v1/agents/acme/mallory', { lifecycle: 'quarantined' })
  const lost = told(agent, 'lost', 'agent_quarantined')
  await assert.rejects(agent.renew(), { code: 'agent_quarantined' })
  await lost
  await assert.rejects(Identity.fromProvider(optionsFor('mallory')), { code: 'agent_quarantined', status: 403 })
  await up.call('PATCH', `/v1/tenants/acme/idps/${acme.idp.id}`, { enabled: false })
  await assert.rejects(Identity.fromProvider(optionsFor('planner')), { code: 'idp_disabled', status: 403 })
  await up.call('PATCH', `/v1/tenants/acme/idps/${acme.idp.id}`, { enabled: true })
  await (await Identity.fromProvider(optionsFor('planner'))).close()
  await agent.close()
})

test('what is wrong with the token is said at once, with what to do', async () => {
  const wrong = (idpToken: () => Promise<string>, name = 'acme') =>
    Identity.fromProvider({ ...optionsFor('worker'), tenant: name, idpToken })
  const forOthers = () => provider.sign({ sub: 'worker', aud: 'https://elsewhere.example' })
  await assert.rejects(wrong(forOthers), { code: 'external_token_invalid', status: 401 })
  await assert.rejects(
    wrong(() => provider.clientToken('worker'), 'globex'),
    { code: 'idp_unknown', status: 401 },
  )
})
