import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Route, routes } from '@lanyard/api'
import { type HttpHarness, openHttp } from '../../testing/http.ts'
import { joinNode } from '../../testing/nodes.ts'
import { heldBack } from '../../testing/raw.ts'

// A credential is judged when the head of a request has come. Whoever holds the body back until it counts no more must
// not act with it: least of all with a deleted key make the next one.

let server: HttpHarness
let admin: string
const ACME = { tenant: 'acme', agent: 'a1' }
const POLICIES = { policies: 'permit (principal, action, resource);' }
const ENTRY = { ...ACME, selectors: ['unix:uid:1001'] }
/** What is there to be changed, by how paths name it. */
const ids: Record<string, string> = {}

before(async () => {
  server = await openHttp()
  admin = await server.apiKey('admin')
  await server.agent(ACME)
  const made = await server.call('POST /v1/entries', { token: admin, body: ENTRY })
  ids['{id}'] = made.body.id
  ids['{node}'] = (await joinNode(server, { name: 'n1' })).reply.node
  ids['{idp}'] = await make('/v1/tenants/acme/idps', { issuer: 'https://1.1.1.1/idp', audiences: ['a'] })
  ids['{issuer}'] = await make('/v1/access/issuers', { issuer: 'https://1.1.1.1/', audiences: ['a'] })
  ids['{role}'] = await make('/v1/access/roles', { role: 'reader', permissions: ['agent.read'] })
  for (const version of [1, 2]) {
    await make('/v1/policies', POLICIES)
    await make(`/v1/policies/${version}/activate`, {})
  }
})
after(() => server.close())

async function make(path: string, body: object): Promise<string> {
  const { status, body: reply, text } = await server.call(`POST ${path}`, { token: admin, body })
  assert.ok(status < 300, text)
  return reply.id
}

const CALLS: readonly [call: string, body: object][] = [
  ['POST /v1/api-keys', { name: 'back door', role: 'admin' }],
  ['POST /v1/tenants', { tenant: 'late' }],
  ['PATCH /v1/tenants/acme', { renewal_grace_sec: 1 }],
  ['POST /v1/agents', { tenant: 'acme', agent: 'late' }],
  ['PATCH /v1/agents/acme/a1', { tier: 'platinum' }],
  ['POST /v1/agents/acme/a1/reinstate', {}],
  ['POST /v1/agents/acme/a1/kill', { reason: 'x' }],
  ['POST /v1/tenants/acme/kill', { reason: 'x' }],
  ['POST /v1/tenants/acme/reinstate', { reason: 'x' }],
  ['POST /v1/kill', { key_thumbprint: 'x'.repeat(43), reason: 'x' }],
  ['POST /v1/instances/some/evict', { reason: 'x' }],
  ['POST /v1/entries', { ...ACME, selectors: ['unix:uid:0'] }],
  ['POST /v1/entries/batch', { entries: [{ ...ACME, selectors: ['unix:uid:0'] }] }],
  ['PATCH /v1/entries/{id}', { selectors: ['unix:uid:0'] }],
  ['POST /v1/nodes/join-tokens', { name: 'late' }],
  ['PATCH /v1/nodes/{node}', { groups: [] }],
  ['POST /v1/nodes/{node}/ban', { reason: 'x' }],
  ['POST /v1/bundles', { trust_domain: 'late.test', bundle: '{"keys":[]}' }],
  ['POST /v1/agent/bootstrap', ACME],
  ['POST /v1/agent/auth/revoke', { ...ACME, reason: 'x' }],
  ['POST /v1/agents/acme/a1/revoke-secret', { reason: 'x' }],
  ['PATCH /v1/tenants/acme/admission', { agent_mtls_required: false }],
  ['POST /v1/tenants/acme/idps', { issuer: 'https://late.test', audiences: ['a'] }],
  ['PATCH /v1/tenants/acme/idps/{idp}', { enabled: false }],
  ['POST /v1/access/roles', { role: 'late', permissions: ['agent.read'] }],
  ['PATCH /v1/access/roles/{role}', { description: 'late' }],
  ['POST /v1/access/bindings', { kind: 'certificate', value: 'dn:CN=late', role: 'admin' }],
  ['POST /v1/access/issuers', { issuer: 'https://late.test', audiences: ['a'] }],
  ['PATCH /v1/access/issuers/{issuer}', { enabled: false }],
  ['POST /v1/policies', POLICIES],
  ['POST /v1/policies/1/activate', {}],
  ['POST /v1/policies/1/shadow', { on: true }],
  ['POST /v1/policies/rollback', {}],
]

test('no call with a body is missing here', () => {
  const ofKeys = Object.values<Route>(routes).filter(
    // What changes nothing tells what could be asked a moment before.
    ({ body, auth, audit }) =>
      body !== undefined && auth.kind === 'identity' && auth.accepts.includes('api-key') && Array.isArray(audit),
  )
  const tried = CALLS.map(([call]) =>
    call
      .replace('acme/a1', '{tenant}/{agent}')
      .replace('/acme', '/{tenant}')
      .replace('/some', '/{instance}')
      .replace('/1/', '/{version}/')
      .replace(/\{(idp|role|issuer)\}/, '{id}'),
  )
  assert.deepEqual(tried.toSorted(), ofKeys.map(({ call }) => call).toSorted())
})

for (const [call, body] of CALLS) {
  test(`${call} with a key that is deleted before its body comes`, async () => {
    const made = await server.call('POST /v1/api-keys', { token: admin, body: { name: 'k', role: 'admin' } })
    const path = call.replace(/\{\w+\}/, name => ids[name]!)
    const reply = await heldBack(server, path, { token: made.body.key, body }, () =>
      server.call(`DELETE /v1/api-keys/${made.body.id}`, { token: admin }),
    )
    assert.deepEqual(reply, { status: 401, code: 'unauthenticated' })
  })
}

test('with a key that ends before its body comes', async () => {
  const token = await server.apiKey('admin', { expiresInSec: 60 })
  const reply = await heldBack(
    server,
    'POST /v1/api-keys',
    { token, body: { name: 'back door', role: 'admin' } },
    async () => server.clock.advance(60),
  )
  assert.deepEqual(reply, { status: 401, code: 'unauthenticated' })
})

test('an agent that is quarantined before its body comes', async () => {
  const token = await server.token(ACME)
  const quarantine = () => server.call('PATCH /v1/agents/acme/a1', { token: admin, body: { lifecycle: 'quarantined' } })
  const body = { ...ACME, reason: 'x' }
  const reply = await heldBack(server, 'POST /v1/agent/auth/revoke', { token, body }, quarantine)
  assert.deepEqual(reply, { status: 403, code: 'agent_quarantined' })
})
