import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { People, type TestIssuer } from '../testing/people.ts'
import type { Claims } from '../testing/provider.ts'

/** The issuer of everybody, whose keys only its owner has. */
const LOGIN = 'https://login.test'

describe('an issuer of a tenant that is called like one of all', () => {
  let server: HttpHarness
  let admin: string
  let ofAll: TestIssuer
  let ofAcme: TestIssuer
  const people = new People(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp({ parts: people.parts })
    admin = await server.apiKey('admin')
    await server.agent({ tenant: 'acme', agent: 'invoice' })
    const login = await people.providers.make(LOGIN)
    ofAll = { provider: login, id: await people.configured(login) }
    const evil = await people.providers.make('https://evil.test')
    // What the admin of acme may do alone.
    const body = { issuer: LOGIN, jwks_uri: `${evil.issuer}/jwks`, audiences: [evil.audience] }
    const token = await server.apiKey('admin', { tenant: 'acme' })
    const answer = await server.call('POST /v1/access/issuers', { token, body })
    assert.equal(answer.status, 201, answer.text)
    ofAcme = { provider: evil, id: answer.body.id }
    for (const { id } of [ofAll, ofAcme])
      await people.bind({ kind: 'group', issuer: id, value: 'sre' }, 'auditor', { tenant: 'acme' })
  })
  after(() => server.close())

  const ask = async ({ provider }: TestIssuer, claims: Claims) => {
    const exp = Math.floor(server.clock.now() / 1000) + 300
    const token = await provider.sign({ iss: LOGIN, sub: 'alice', groups: ['sre'], exp, ...claims })
    const headers = { 'x-lanyard-tenant-id': 'acme' }
    return (await server.call('GET /v1/agents/acme/invoice', { token, headers })).status
  }

  for (const [what, condition] of [
    ['group', `principal in Lanyard::Group::"${LOGIN}#sre"`],
    ['person', `principal is Lanyard::User && principal.issuer == "${LOGIN}" && principal.subject == "alice"`],
  ]) {
    test(`has no ${what} of that one`, async () => {
      const policies = `permit (principal, action, resource);
        forbid (principal, action == Lanyard::Action::"getAgent", resource) unless { ${condition} };`
      const { version } = await people.done('POST /v1/policies', { policies })
      await people.done(`POST /v1/policies/${version}/activate`, {})
      assert.equal(await ask(ofAll, {}), 200)
      assert.equal(await ask(ofAcme, {}), 403)
    })
  }

  test('has its own, behind the name of the tenant', async () => {
    const policies = `permit (principal, action, resource);
      forbid (principal, action == Lanyard::Action::"getAgent", resource)
      unless { principal in Lanyard::Group::"acme/${LOGIN}#sre" };`
    const { version } = await people.done('POST /v1/policies', { policies })
    await people.done(`POST /v1/policies/${version}/activate`, {})
    assert.equal(await ask(ofAcme, {}), 200)
    assert.equal(await ask(ofAll, {}), 403)
  })
})
