import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Permission, permissionsOf, ROLES, type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { CallOptions } from '../testing/client.ts'
import { csrOf, type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { type HeldNode, joinNode } from '../testing/nodes.ts'
import { People, type TestIssuer } from '../testing/people.ts'
import { bySecret, SecretAgent } from '../testing/secrets.ts'

// Walks the table of routes: what holds here holds for every route, also for the one that is added tomorrow.

const ACME = { tenant: 'acme', agent: 'a1' }
const GLOBEX = { tenant: 'globex', agent: 'g1' }

let server: HttpHarness
let admin: string
let held: Held
let node: HeldNode
let foreignSerial: string
let issuer: TestIssuer
let external: CallOptions
const people = new People(
  () => server,
  () => admin,
)

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: people.parts })
  admin = await server.apiKey('admin')
  await server.agent(ACME)
  await server.agent(GLOBEX)
  held = await server.certificate(ACME)
  node = await joinNode(server, { name: 'n1', tenant: 'acme' })
  foreignSerial = (await server.certificate(GLOBEX)).serial
  issuer = await people.issuer()
  external = await externalToken()
})

/** Of the identity provider of a tenant of its own: where one vouches, nothing else mints. */
async function externalToken(): Promise<CallOptions> {
  const provider = await people.providers.make('https://agents.test')
  await people.done('POST /v1/tenants', { tenant: 'federated' })
  const settings = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
  await people.done('POST /v1/tenants/federated/idps', settings)
  const token = await provider.sign({ sub: 'e1' })
  return { token, headers: { 'x-lanyard-tenant-id': 'federated' } }
}

async function agentSecret(): Promise<CallOptions> {
  return bySecret((await new SecretAgent(server, admin, ACME).create()).secret)
}
after(() => server.close())

const declared = Object.entries<Route>(routes) as [RouteId, Route][]
const guarded = declared.filter(([, { auth }]) => auth.kind !== 'public')

/** The body of a good call about this tenant and agent. A route without a line here sends none. */
const bodies: Partial<Record<RouteId, (key: typeof ACME) => Promise<object> | object>> = {
  bootstrapAgent: key => key,
  issueCert: async () => ({ csr: await csrOf(generateKeyNow('P-256')) }),
  revokeCert: key => ({ ...key, reason: 'test' }),
  createTenant: ({ tenant }) => ({ tenant }),
  updateTenant: () => ({ renewal_grace_sec: 60 }),
  createAgent: key => key,
  updateAgent: () => ({ owner: 'me' }),
  reinstateAgent: () => ({}),
  createApiKey: ({ tenant }) => ({ name: 'k', role: 'auditor', tenant }),
  killAgent: () => ({ reason: 'test' }),
  killTenant: () => ({ reason: 'test' }),
  killCredential: ({ tenant }) => ({ serial: tenant === 'acme' ? held.serial : '0'.repeat(32), reason: 'test' }),
  reinstateTenant: () => ({ reason: 'test' }),
  evictInstance: () => ({ reason: 'test' }),
  enrolPoint: () => ({
    ...{ point: POINT, mode: 'guarded', budget_ms: 3000, grace_ms: 1000, epoch: 0, sessions: 0 },
    ...{ as_of: null, offset_ms: null, uncertainty_ms: null },
  }),
  acknowledge: () => ({ ack: 'e30.e30.AAAA' }),
  announceService: () => ({ url: 'https://localhost:8443' }),
  createEntry: key => ({ ...key, selectors: ['unix:uid:1001'] }),
  createEntries: key => ({ entries: [{ ...key, selectors: ['unix:uid:1002'] }] }),
  updateEntry: () => ({ hint: 'h' }),
  createJoinToken: ({ tenant }) => ({ name: 'n2', tenant }),
  challengeNode: () => ({ method: 'x509pop', certificates: 'none' }),
  attestNode: async () => ({ method: 'join_token', token: 'none', csr: await csrOf(generateKeyNow('P-256')) }),
  updateNode: () => ({ groups: [] }),
  banNode: () => ({ reason: 'test' }),
  issueWorkloadCert: async () => ({ entry: NOBODYS, csr: await csrOf(generateKeyNow('P-256')) }),
  issueJwtSvid: () => ({ entry: NOBODYS, audience: ['a'] }),
  issueWitSvid: async () => ({ entry: NOBODYS, csr: await csrOf(generateKeyNow('P-256')) }),
  reportSignals: () => ({
    signals: [
      { code: 'no_identity', entry: null, at: '2026-11-21T12:00:00Z', pid: 1, uid: 0, executable: null, count: 1 },
    ],
  }),
  setBundle: () => ({ trust_domain: 'other.test', bundle: '{"keys":[]}' }),
  openSession: key => key,
  federatedBootstrap: () => ({}),
  revokeSecret: () => ({ reason: 'test' }),
  updateAdmission: () => ({ on_federation: 'drain' }),
  createIdp: () => ({ issuer: 'https://idp.test', audiences: ['a'], enabled: false }),
  updateIdp: () => ({ enabled: false }),
  testIdp: () => ({ token: 'none' }),
  createRole: ({ tenant }) => ({ role: `r${++made}`, tenant, permissions: ['agent.read'] }),
  updateRole: () => ({ description: 'd' }),
  createBinding: ({ tenant }) => ({ kind: 'certificate', value: `dn:CN=${++made}`, role: 'auditor', tenant }),
  createIssuer: ({ tenant }) => ({ issuer: `https://i${++made}.test`, tenant, audiences: ['a'] }),
  updateIssuer: () => ({ enabled: false }),
  explainAccess: ({ tenant }) => ({ who: { kind: 'certificate', value: 'dn:CN=x' }, action: 'killAgent', tenant }),
  savePolicies: ({ tenant }) => ({ tenant, policies: 'permit (principal, action, resource);' }),
  activatePolicies: ({ tenant }) => ({ tenant }),
  rollBackPolicies: ({ tenant }) => ({ tenant }),
  shadowPolicies: ({ tenant }) => ({ tenant, on: true }),
  explainPolicies: ({ tenant }) => ({
    ...{ tenant, principal: 'Lanyard::User::"x"', action: 'killAgent' },
    resource: `Lanyard::Tenant::"${tenant}"`,
  }),
  evaluate: ({ tenant }) => evaluation(tenant),
  evaluateMany: ({ tenant }) => ({ evaluations: [evaluation(tenant)] }),
}
let made = 0
const evaluation = (tenant: string) => ({
  subject: { type: 'User', id: 'x' },
  action: { name: 'killAgent' },
  resource: { type: 'Tenant', id: tenant },
})
/** Public routes that judge what comes: all that stands in `bodies` is no proof there. */
const JUDGING: Partial<Record<RouteId, string>> = {
  challengeNode: 'node_method_unavailable',
  attestNode: 'node_proof_invalid',
}
const NOBODYS = 'f'.repeat(32)
const POINT = '00000000-0000-4000-8000-000000000000'

/** What opens the route: an administrator's key, or where only agents may come what they hold. */
async function opening(id: RouteId, { auth }: Route): Promise<CallOptions> {
  if (id === 'issueCert') return { token: await server.token(ACME) }
  if (id === 'federatedBootstrap') return external
  if (auth.kind === 'identity' && auth.accepts.includes('agent-secret')) return await agentSecret()
  if (auth.kind === 'public' || auth.accepts.includes('api-key')) return { token: admin }
  return { tls: auth.accepts.includes('node-certificate') ? node : held }
}

const pathOf = (route: Route, key: typeof ACME) => {
  const { path } = splitCall(route.call)
  return path
    .replace('{tenant}', key.tenant)
    .replace('{agent}', key.agent)
    .replace('{id}', 'ffffffffffff')
    .replace('{incident}', 'inc_nobodys')
    .replace('{instance}', POINT)
    .replace('{node}', NOBODYS)
    .replace('{trust_domain}', 'nobody.test')
    .replace('{version}', '99')
    .replace('{principal}', NOBODYS)
}
const callOf = (route: Route, key = ACME) => `${splitCall(route.call).method} ${pathOf(route, key)}`

async function callWith(id: RouteId, options: CallOptions, key = ACME) {
  const body = await bodies[id]?.(key)
  return server.call(callOf(routes[id], key), { ...(body === undefined ? {} : { body }), ...options })
}

test('every declared path is mounted, and nothing beside', async () => {
  for (const [id, route] of declared) {
    const answer = await server.call(callOf(route))
    assert.notEqual(answer.body?.code, 'route_unknown', id)
    assert.notEqual(answer.body?.code, 'method_not_allowed', id)
  }
  for (const path of [
    '/',
    '/v1',
    '/v1/',
    '/v1/agents/',
    '/v1/agents/acme',
    '/v1/agents/acme/',
    '/metrics/',
    '//healthz',
  ]) {
    assert.equal((await server.call(`GET ${path}`)).body.code, 'route_unknown', path)
  }
})

test('a method that no route has is refused with those that there are', async () => {
  const paths = new Map<string, Set<string>>()
  for (const [, route] of declared) {
    const { method } = splitCall(route.call)
    const path = pathOf(route, ACME)
    paths.set(path, (paths.get(path) ?? new Set()).add(method))
  }
  for (const [path, methods] of paths) {
    for (const method of ['PUT', 'TRACE', 'OPTIONS', 'DELETE', 'PATCH', 'POST']) {
      if (methods.has(method)) continue
      const { body, headers } = await server.call(`${method} ${path}`)
      assert.equal(body?.code, 'method_not_allowed', `${method} ${path}`)
      for (const known of methods) assert.match(String(headers.allow), new RegExp(`\\b${known}\\b`))
    }
  }
})

test('without a credential only what is public answers', async () => {
  for (const [id, route] of declared) {
    const { status, body, headers } = await callWith(id, {})
    if (route.auth.kind === 'public') {
      if (JUDGING[id] === undefined) assert.equal(status, 200, id)
      else assert.equal(body.code, JUDGING[id], id)
      continue
    }
    assert.equal(body.code, 'unauthenticated', id)
    assert.match(String(headers['www-authenticate']), /^Bearer/)
  }
})

test('what is public asks for nothing, and a bad credential does not matter', async () => {
  for (const [id, { auth }] of declared) {
    if (auth.kind !== 'public') continue
    const { status, body } = await callWith(id, { token: 'rubbish' })
    if (JUDGING[id] === undefined) assert.equal(status, 200, id)
    else assert.equal(body.code, JUDGING[id], id)
  }
})

test('a credential without the permission is refused by its name', async () => {
  for (const [id, { auth }] of guarded) {
    if (auth.kind === 'public' || auth.permission === null) continue
    for (const role of ['issuer', 'auditor', 'operator', 'admin'] as const) {
      if (permissionsOf(role).has(auth.permission)) continue
      const { status, body } = await callWith(id, { token: await server.apiKey(role) })
      assert.deepEqual(
        [status, body.code, body.permission],
        [403, 'permission_missing', auth.permission],
        `${id} ${role}`,
      )
    }
  }
})

test('an agent gets no further than its own permissions, by token and by certificate', async () => {
  const own: ReadonlySet<Permission> = new Set(ROLES.agent)
  for (const [id, { auth }] of guarded) {
    if (auth.kind === 'public' || auth.permission === null || own.has(auth.permission)) continue
    const byToken = await callWith(id, { token: await server.token(ACME) })
    const byCertificate = await callWith(id, { tls: held })
    for (const { body } of [byToken, byCertificate]) {
      assert.deepEqual([body.code, body.permission], ['permission_missing', auth.permission], id)
    }
  }
})

test('each kind of credential opens exactly the routes that accept it', async () => {
  const credentials = {
    'api-key': { token: await server.apiKey('admin', { tenant: 'acme' }) },
    'agent-token': { token: await server.token(ACME) },
    'agent-certificate': { tls: held },
    'node-certificate': { tls: node },
    'agent-secret': await agentSecret(),
    'external-token': external,
    principal: await people.jwt(issuer, 'admin', { tenant: 'acme' }),
  } as const
  for (const [id, { auth }] of guarded) {
    if (auth.kind === 'public') continue
    for (const [kind, credential] of Object.entries(credentials)) {
      const headers = { 'x-lanyard-tenant-id': 'acme', ...('headers' in credential ? credential.headers : {}) }
      const { status } = await server.call(callOf(routes[id]), { ...credential, headers, raw: 'not a body' })
      const accepted = auth.accepts.includes(kind as keyof typeof credentials)
      // A body that is none comes after the credential.
      if (accepted) assert.notEqual(status, 401, `${id} ${kind}`)
      else assert.ok([401, 403].includes(status), `${id} ${kind}: ${status}`)
    }
  }
})

/** AuthZEN has its askers say more than we look at. */
const LOOSE: ReadonlySet<RouteId> = new Set(['evaluate', 'evaluateMany'])

test('an unknown field in a body is refused by its name', async () => {
  for (const [id, route] of guarded) {
    if (route.body === undefined || LOOSE.has(id)) continue
    const credential = await opening(id, route)
    const body = { ...(await bodies[id]!(ACME)), surprise: 1 }
    const answer = await server.call(callOf(route), { ...credential, body })
    assert.equal(answer.body.code, 'body_invalid', id)
    assert.ok(
      answer.body.errors.some((fault: { path: string }) => fault.path === 'surprise'),
      id,
    )
  }
})

test('an unknown parameter in a query is refused by its name', async () => {
  for (const [id, route] of declared) {
    const { body } = await server.call(`${callOf(route)}?surprise=1`, await opening(id, route))
    assert.equal(body.code, 'query_invalid', id)
    assert.ok(
      body.errors.some((fault: { path: string }) => fault.path === 'surprise'),
      id,
    )
  }
})

test('a body where none is declared is refused', async () => {
  for (const [id, route] of declared) {
    if (route.body !== undefined) continue
    // A query that must be there is asked for first.
    const required = id === 'withdrawService' ? '?url=https://localhost:8443' : ''
    const { body } = await server.call(`${callOf(route)}${required}`, { ...(await opening(id, route)), body: {} })
    assert.equal(body?.code, 'body_invalid', id)
  }
})

// Another tenant's key: nothing, not even whether a thing exists. Answers about what is there and what is not must be
// the same ones, but for the request's id.
const UNKNOWN = ['entry_unknown', 'role_unknown', 'issuer_unknown', 'policy_unknown']
const ABSENT: ReadonlySet<string> = new Set(['tenant_mismatch', 'permission_missing', 'not_found', ...UNKNOWN])

test("another tenant's key gets nothing out of any route, not even existence", async () => {
  const tokens = await Promise.all(
    (['admin', 'operator', 'auditor', 'issuer'] as const).map(role => server.apiKey(role, { tenant: 'globex' })),
  )
  const there = { tenant: 'acme', agent: 'a1' }
  const notThere = { tenant: 'nobody', agent: 'a1' }
  for (const [id, { auth, stream }] of guarded) {
    if (auth.kind === 'public' || !auth.accepts.includes('api-key') || stream) continue
    for (const token of tokens) {
      const [first, second] = [await callWith(id, { token }, there), await callWith(id, { token }, notThere)]
      assert.equal(first.status, second.status, id)
      assert.equal(first.body?.code, second.body?.code, id)
      if (first.status < 300) assert.doesNotMatch(first.text, /acme/, id)
      else assert.ok(ABSENT.has(first.body.code), `${id} ${first.text}`)
    }
  }
})

test("lists of another tenant's key hold nothing of others, whatever is asked", async () => {
  const token = await server.apiKey('admin', { tenant: 'globex' })
  for (const [id, route] of guarded) {
    if (route.query === undefined || route.stream) continue
    if (route.auth.kind !== 'public' && !route.auth.accepts.includes('api-key')) continue
    const all = await server.call(callOf(route, GLOBEX), { token })
    if (id === 'getShadow') assert.equal(all.body.code, 'policy_unknown')
    else assert.equal(all.status, 200, id)
    assert.doesNotMatch(all.text, /acme/, id)
    const { path } = splitCall(route.call)
    // What these name is in the path, or nothing.
    if (path.includes('{tenant}') || ['listTenants', 'listPoints', 'getLogin'].includes(id)) continue
    assert.equal((await server.call(`GET ${path}?tenant=acme`, { token })).body.code, 'tenant_mismatch', id)
    assert.equal((await server.call(`GET ${path}?tenant=nobody`, { token })).body.code, 'tenant_mismatch', id)
  }
})

test('foreign ids are as if absent', async () => {
  const acme = await server.apiKey('admin', { tenant: 'acme' })
  const list = await server.call(`GET /v1/certificates?serial=${foreignSerial}`, { token: acme })
  assert.deepEqual(list.body.items, [])
  for (const serial of [foreignSerial, '0'.repeat(32)]) {
    const revoke = await server.call('POST /v1/agent/auth/revoke', { token: acme, body: { serial, reason: 'x' } })
    assert.equal(revoke.body.code, 'not_found')
  }
  const made = await server.call('POST /v1/api-keys', {
    token: admin,
    body: { name: 'g', role: 'auditor', tenant: 'globex' },
  })
  for (const key of [made.body.id, 'ffffffffffff']) {
    assert.equal((await server.call(`DELETE /v1/api-keys/${key}`, { token: acme })).body.code, 'not_found')
  }
  const byAgent = await server.call('POST /v1/agent/auth/revoke', {
    tls: held,
    body: { serial: foreignSerial, reason: 'x' },
  })
  assert.equal(byAgent.body.code, 'not_found')
})
