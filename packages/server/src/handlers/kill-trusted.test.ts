import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { type Answer, type CallOptions, codeOf } from '../testing/client.ts'
import { csrOf, pemOf } from '../testing/http.ts'
import type { TestIssuer } from '../testing/people.ts'
import { peopleStage } from '../testing/stages.ts'

const { server, people, ok, refused, federated, certificateBy, eventsOf } = await peopleStage()

let made = 0
/** A key as a thief would have it, of one tenant or of all. */
const stolen = async (tenant?: string): Promise<{ readonly id: string; readonly by: CallOptions }> => {
  const { id, key } = await ok('POST /v1/api-keys', 201, { name: 'stolen', role: 'admin', ...(tenant && { tenant }) })
  return { id, by: { token: key } }
}
const kill = (maker: string, options?: CallOptions) =>
  ok('POST /v1/kill', 202, { minted_by: maker, reason: 'stolen' }, options)

/** An issuer that somebody configured with a credential of theirs, and a person who holds a role by it. */
async function issuerBy(
  by: CallOptions,
  where: { readonly tenant?: string },
): Promise<TestIssuer & { person: CallOptions }> {
  const provider = await people.providers.make(`https://people-${++made}.test`)
  const body = { issuer: provider.issuer, audiences: [provider.audience], ...where }
  const { id } = await ok('POST /v1/access/issuers', 201, body, by)
  await ok('POST /v1/access/bindings', 201, { kind: 'group', issuer: id, value: 'staff', role: 'admin', ...where })
  return { id, provider, person: { token: await provider.sign({ sub: 'mallory', groups: ['staff'] }) } }
}

const noIntrospection = () => people.issuer(undefined, { introspection: null, introspection_secret: undefined })
const idpOf = (tenant: string, id: string): Promise<Answer['body']> => ok(`GET /v1/tenants/${tenant}/idps/${id}`, 200)
const issuers = async (): Promise<Answer['body'][]> => (await ok('GET /v1/access/issuers?limit=200', 200)).items
const issuerOf = async (id: string) => (await issuers()).find(one => one.id === id)!

describe('the kill of a stolen key', () => {
  test('takes the provider and the issuer that it had trusted, and what came by them', async () => {
    const tenant = `t${++made}`
    await ok('POST /v1/tenants', 201, { tenant })
    const key = await stolen(tenant)
    const provider = await people.providers.make(`https://agents-${made}.test`)
    const settings = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
    const idp = await ok(`POST /v1/tenants/${tenant}/idps`, 201, settings, key.by)
    assert.deepEqual([idp.created_by, idp.updated_by], [`api-key:${key.id}`, `api-key:${key.id}`])
    const come = async (sub: string) => {
      const headers = { 'x-lanyard-tenant-id': tenant }
      return await server.call('POST /v1/agent/federated-bootstrap', { token: await provider.sign({ sub }), headers })
    }
    const agent = (await come('worker')).body.token
    assert.equal((await certificateBy(agent)).status, 201)
    const issuer = await issuerBy(key.by, { tenant })
    await ok('GET /v1/whoami', 200, undefined, issuer.person)

    const { incident } = await kill(`api-key:${key.id}`)
    assert.equal(codeOf(await certificateBy(agent)), 'lineage_ended')
    assert.equal(codeOf(await come('worker')), 'idp_disabled')
    assert.equal((await server.call('GET /v1/whoami', issuer.person)).status, 401)
    const after = await idpOf(tenant, idp.id)
    assert.deepEqual([after.enabled, after.created_by], [false, `api-key:${key.id}`])
    assert.notEqual(after.updated_by, after.created_by)
    assert.equal((await issuerOf(issuer.id)).enabled, false)
    const [opened] = await eventsOf(tenant, 'incident.opened')
    assert.equal(opened!.detail.incident, incident)
    assert.deepEqual(opened!.detail.switched_off.toSorted(), [`idp:${idp.id}`, `issuer:${issuer.id}`].toSorted())
    for (const type of ['idp.updated', 'issuer.updated']) {
      const [event] = await eventsOf(tenant, type)
      assert.deepEqual([event!.detail.after.enabled, event!.detail.reason], [false, 'stolen'], type)
    }
  })

  test('takes a provider and an issuer of others that it changed, and nothing that others changed since', async () => {
    const key = await stolen()
    const [bent, mended, touched] = [await federated(), await federated(), await federated()]
    const worker = (await bent.bootstrap({ sub: 'a' })).body.token
    const path = (one: typeof bent) => `PATCH /v1/tenants/${one.tenant}/idps/${one.idp.id}`
    await ok(path(bent), 200, { required_claims: {}, jwks_uri: `${mended.provider.issuer}/jwks` }, key.by)
    // Somebody else did something else afterwards: the keys are still where the thief said.
    await ok(path(bent), 200, { max_token_age_sec: 60 })
    await ok(path(mended), 200, { jwks_uri: `${bent.provider.issuer}/jwks` }, key.by)
    await ok(path(mended), 200, { jwks_uri: null })
    await ok(path(touched), 200, { tier: 'gold' }, key.by)
    const staff = await noIntrospection()
    await ok(
      `PATCH /v1/access/issuers/${staff.id}`,
      200,
      { claims: { subject: 'email', name: 'name', groups: 'g' } },
      key.by,
    )
    assert.equal((await issuerOf(staff.id)).updated_by, `api-key:${key.id}`)

    await kill(`api-key:${key.id}`)
    assert.equal((await idpOf(bent.tenant, bent.idp.id)).enabled, false)
    assert.equal(codeOf(await certificateBy(worker)), 'lineage_ended')
    assert.equal((await idpOf(mended.tenant, mended.idp.id)).enabled, true)
    assert.equal((await idpOf(touched.tenant, touched.idp.id)).enabled, true)
    assert.equal((await issuerOf(staff.id)).enabled, false)
  })

  test('takes what a provider vouched for that the thief deleted again', async () => {
    const { tenant } = await federated()
    const key = await stolen()
    const other = await people.providers.make(`https://gone-${++made}.test`)
    const settings = { issuer: other.issuer, audiences: [other.audience], allow_agent_federation: true }
    const idp = await ok(`POST /v1/tenants/${tenant}/idps`, 201, settings, key.by)
    const headers = { 'x-lanyard-tenant-id': tenant }
    const sent = { token: await other.sign({ sub: 'ghost' }), headers }
    const { token } = (await server.call('POST /v1/agent/federated-bootstrap', sent)).body
    await ok(`DELETE /v1/tenants/${tenant}/idps/${idp.id}`, 204, undefined, key.by)
    assert.equal((await certificateBy(token)).status, 201)
    await kill(`api-key:${key.id}`)
    assert.equal(codeOf(await certificateBy(token)), 'lineage_ended')
  })

  test('takes no provider again for which somebody else answers since', async () => {
    const key = await stolen()
    const { tenant, provider } = await federated()
    const other = await people.providers.make(`https://again-${++made}.test`)
    const settings = { issuer: other.issuer, audiences: [provider.audience] }
    const { id } = await ok(`POST /v1/tenants/${tenant}/idps`, 201, settings, key.by)
    const enabled = async () => (await idpOf(tenant, id)).enabled
    await kill(`api-key:${key.id}`)
    assert.equal(await enabled(), false)
    await ok(`PATCH /v1/tenants/${tenant}/idps/${id}`, 200, { enabled: true })
    await kill(`api-key:${key.id}`)
    assert.equal(await enabled(), true)
  })

  test('takes a provider that the thief bent and switched off, and that somebody switched on to mend the outage', async () => {
    const key = await stolen()
    const { tenant, idp } = await federated()
    const path = `PATCH /v1/tenants/${tenant}/idps/${idp.id}`
    await ok(path, 200, { jwks_uri: 'https://thief.test/keys' }, key.by)
    await ok(path, 200, { enabled: false }, key.by)
    await ok(path, 200, { enabled: true })
    await kill(`api-key:${key.id}`)
    assert.equal((await idpOf(tenant, idp.id)).enabled, false)
  })

  test('takes what another key had trusted that it made', async () => {
    const key = await stolen()
    const second = await ok('POST /v1/api-keys', 201, { name: 'second', role: 'admin' }, key.by)
    const issuer = await issuerBy({ token: second.key }, {})
    await kill(`api-key:${key.id}`)
    await refused('unauthenticated', 'GET /v1/whoami', undefined, issuer.person)
  })
})

describe('the kill of an issuer', () => {
  const footholds = async ({ provider, person }: Awaited<ReturnType<typeof issuerBy>>, tenant: string) => {
    const { key } = await ok('POST /v1/api-keys', 201, { name: 'kept', role: 'admin', tenant }, person)
    await ok('POST /v1/agents', 201, { tenant, agent: `a${++made}` }, person)
    const { token } = await ok('POST /v1/agent/bootstrap', 200, { tenant, agent: `a${made}` }, person)
    const other = { token: await provider.sign({ sub: 'another', groups: ['staff'] }) }
    const second = await ok('POST /v1/api-keys', 201, { name: 'kept', role: 'admin', tenant }, other)
    return [key, token, second.key] as const
  }
  const alive = async (tokens: readonly string[]) => {
    const answers = await Promise.all(tokens.map(token => server.call('GET /v1/whoami', { token })))
    return answers.filter(({ status }) => status === 200).length
  }

  test('ends what all made whom it vouched for, and shuts nobody out for ever', async () => {
    const tenant = `t${++made}`
    const { tenant: elsewhere } = await federated()
    await ok('POST /v1/tenants', 201, { tenant })
    const issuer = await issuerBy({}, { tenant })
    const [mine, others] = [await footholds(issuer, tenant), await footholds(await issuerBy({}, { tenant }), tenant)]
    const target = { minted_by: `issuer:${issuer.id}`, reason: 'the thief’s' }
    await refused('not_found', 'POST /v1/kill', target, {
      token: await server.apiKey('admin', { tenant: elsewhere }),
    })
    await refused('permission_missing', 'POST /v1/kill', target, { token: await server.apiKey('operator', { tenant }) })
    await refused('not_found', 'POST /v1/kill', { ...target, minted_by: `issuer:${'0'.repeat(32)}` })
    assert.deepEqual([await alive(mine), await alive(others)], [3, 3])
    await kill(`issuer:${issuer.id}`)
    assert.deepEqual([await alive(mine), await alive(others)], [0, 3])
    await refused('unauthenticated', 'GET /v1/whoami', undefined, issuer.person)
    await ok(`PATCH /v1/access/issuers/${issuer.id}`, 200, { enabled: true })
    await ok('GET /v1/whoami', 200, undefined, issuer.person)
    assert.equal(await alive(mine), 0)
  })

  test('finds what they made when it was deleted, too', async () => {
    const tenant = `t${++made}`
    await ok('POST /v1/tenants', 201, { tenant })
    const issuer = await issuerBy({}, { tenant })
    const mine = await footholds(issuer, tenant)
    await ok(`DELETE /v1/access/issuers/${issuer.id}`, 204)
    assert.equal(await alive(mine), 3)
    await kill(`issuer:${issuer.id}`)
    assert.equal(await alive(mine), 0)
  })
})

describe('the kill of a principal', () => {
  test('by who manages one tenant takes what it had trusted there, and nothing else', async () => {
    const [here, elsewhere] = [await federated(), await federated()]
    const staff = await noIntrospection()
    const thief = await people.jwt(staff, 'admin')
    const { id } = await ok('GET /v1/whoami', 200, undefined, thief)
    const ids: string[] = []
    for (const { tenant, provider } of [here, elsewhere]) {
      const settings = { issuer: `${provider.issuer}/two`, audiences: ['a'] }
      ids.push((await ok(`POST /v1/tenants/${tenant}/idps`, 201, settings, thief)).id)
    }
    const local = await issuerBy(thief, { tenant: here.tenant })
    const wide = await issuerBy(thief, {})
    await kill(`principal:${id}`, { token: await server.apiKey('admin', { tenant: here.tenant }) })
    assert.equal((await idpOf(here.tenant, ids[0]!)).enabled, false)
    assert.equal((await idpOf(elsewhere.tenant, ids[1]!)).enabled, true)
    assert.equal((await issuerOf(local.id)).enabled, false)
    assert.equal((await issuerOf(wide.id)).enabled, true)
  })

  test('spares the issuer that vouches for its own killer, and says so', async () => {
    const staff = await noIntrospection()
    const first = await people.jwt(staff, 'admin')
    const { id } = await ok('GET /v1/whoami', 200, undefined, first)
    const own = await issuerBy(first, {})
    const other = await issuerBy(first, {})
    // Bound by somebody else: the kill takes the roles that the killed one gave.
    await kill(`principal:${id}`, own.person)
    await ok('GET /v1/whoami', 200, undefined, own.person)
    await refused('unauthenticated', 'GET /v1/whoami', undefined, other.person)
    const { items } = await ok('GET /v1/events?type=incident.opened&limit=1', 200)
    assert.deepEqual(items[0].detail.spared, [`issuer:${own.id}`])
    assert.deepEqual(items[0].detail.switched_off, [`issuer:${other.id}`])
  })

  test('spares the provider that vouches for the agent who kills', async () => {
    const { tenant, idp, bootstrap } = await federated()
    const thief = await stolen(tenant)
    const path = `PATCH /v1/tenants/${tenant}/idps/${idp.id}`
    await ok(path, 200, { max_token_age_sec: 600 }, thief.by)
    const agent = (await bootstrap({ sub: 'keeper' })).body.token
    const key = generateKeyNow('P-256')
    const issued = await ok('POST /v1/agent/auth/cert', 201, { csr: await csrOf(key) }, { token: agent })
    const held = { cert: issued.certificate + issued.chain, key: pemOf(key) }
    const { spiffe_id: value } = await ok(`GET /v1/agents/${tenant}/keeper`, 200)
    await ok('POST /v1/access/bindings', 201, { kind: 'spiffe-id', value, role: 'admin', tenant })
    const body = { minted_by: `api-key:${thief.id}`, reason: 'stolen' }
    const { status, text } = await server.call('POST /v1/kill', { tls: held, body })
    assert.equal(status, 202, text)
    assert.equal((await idpOf(tenant, idp.id)).enabled, true)
  })
})
