import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Permission, permissionsOf, type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import type { Answer, CallOptions } from '../testing/client.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { type Methods, People, type TestIssuer } from '../testing/people.ts'

// Walks every route with every method by which people and programs come: what holds for API keys holds for each.

const ACME = { tenant: 'acme', agent: 'a1' }

let server: HttpHarness
let admin: string
let issuer: TestIssuer
const people = new People(
  () => server,
  () => admin,
)
let agents = 0

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: people.parts })
  admin = await server.apiKey('admin')
  await server.agent(ACME)
  await server.agent({ tenant: 'globex', agent: 'a1' })
  issuer = await people.issuer()
})
after(() => server.close())

const guarded = (Object.entries(routes) as [RouteId, Route][]).filter(([, { auth }]) => auth.kind !== 'public')
const acceptsPrincipals = ({ auth }: Route) => auth.kind === 'identity' && auth.accepts.includes('principal')
const permissionOf = ({ auth }: Route) => (auth.kind === 'identity' ? (auth.permission as Permission | null) : null)

const lineOf = ({ call }: Route, tenant = 'acme') => {
  const { method, path } = splitCall(call)
  const named = path.replace('{tenant}', tenant).replace('{agent}', 'a1').replace('{version}', '9')
  return `${method} ${named.replace(/\{\w+\}/, 'f'.repeat(32))}`
}
/** With a body that is none where one is declared: what comes behind the credential is another's matter. */
const calling = (id: RouteId, options: CallOptions, tenant = 'acme'): Promise<Answer> =>
  server.call(lineOf(routes[id], tenant), { ...options, ...((routes[id] as Route).body ? { raw: 'no body' } : {}) })

/** One of each method. An agent is new each time: it is bound once. */
async function each(role: string, tenant?: string): Promise<[string, CallOptions][]> {
  const agent = { tenant: tenant ?? 'acme', agent: `m${++agents}` }
  await server.agent(agent)
  const methods: Methods = await people.each(issuer, agent, role, tenant === undefined ? {} : { tenant })
  return Object.entries(methods)
}

test('no method opens what its role does not hold, and the refusal names that', async () => {
  for (const [method, credential] of await each('auditor')) {
    for (const [id, route] of guarded) {
      const permission = permissionOf(route)
      if (!acceptsPrincipals(route) || permission === null || permissionsOf('auditor').has(permission)) continue
      // What its roles do not hold, an agent may do as itself where agents may come.
      if (method === 'svid' && accepts(route, 'agent-certificate')) continue
      const { body } = await calling(id, credential)
      assert.deepEqual([body.code, body.permission], ['permission_missing', permission], `${id} ${method}`)
    }
  }
})

const accepts = ({ auth }: Route, kind: string) =>
  auth.kind === 'identity' && (auth.accepts as readonly string[]).includes(kind)

test('every method opens exactly what accepts principals', async () => {
  for (const [method, credential] of await each('admin')) {
    for (const [id, route] of guarded) {
      if (method === 'svid' && accepts(route, 'agent-certificate') && !acceptsPrincipals(route)) continue
      const headers = accepts(route, 'external-token') ? { 'x-lanyard-tenant-id': 'acme' } : {}
      const { status, body } = await calling(id, { ...credential, headers })
      const why = `${id} ${method} ${status} ${body?.code}`
      if (acceptsPrincipals(route)) assert.ok(status !== 401 && body?.code !== 'permission_missing', why)
      else assert.ok([401, 403].includes(status), why)
    }
  }
})

test('no method reaches beyond its tenant, nor learns whether there is another', async () => {
  for (const [method, credential] of await each('admin', 'globex')) {
    for (const [id, route] of guarded) {
      if (!acceptsPrincipals(route) || !route.call.includes('{tenant}')) continue
      const [there, nowhere] = [await calling(id, credential), await calling(id, credential, 'nobody')]
      assert.deepEqual([there.status, there.body?.code], [nowhere.status, nowhere.body?.code], `${id} ${method}`)
      assert.ok(['permission_missing', 'body_invalid'].includes(there.body.code), `${id} ${method} ${there.text}`)
    }
  }
})

test('lists hold nothing of another tenant, by whatever method they are asked', async () => {
  for (const [method, credential] of await each('admin', 'globex')) {
    for (const [id, route] of guarded) {
      if (!acceptsPrincipals(route) || !route.call.startsWith('GET') || route.call.includes('{')) continue
      if (id === 'getShadow' || id === 'whoami' || id === 'getMetrics') continue
      const { status, text } = await calling(id, credential)
      assert.equal(status, 200, `${id} ${method} ${text}`)
      assert.doesNotMatch(text, /acme/, `${id} ${method}`)
    }
  }
})

test('two credentials of different ones open nothing, whatever each of them opens', async () => {
  const methods = new Map(await each('admin'))
  const key = { tenant: 'globex', agent: `t${++agents}` }
  await server.agent(key)
  const [jwt, opaque] = [methods.get('jwt')!, methods.get('introspection')!]
  const pairs: [string, CallOptions][] = [
    ['jwt and certificate', { ...jwt, ...methods.get('certificate') }],
    ['introspection and certificate', { ...opaque, ...methods.get('certificate') }],
    ['jwt and svid', { ...jwt, ...methods.get('svid') }],
    ['API key and certificate', { token: admin, ...methods.get('certificate') }],
    ['agent token and certificate', { token: await server.token(key), ...methods.get('certificate') }],
  ]
  for (const [pair, both] of pairs) {
    for (const [id, route] of guarded) {
      if (accepts(route, 'external-token')) continue
      assert.equal((await calling(id, both)).body?.code, 'credential_conflict', `${id} ${pair}`)
    }
  }
})

test('nothing answers somebody whom a kill shut out', async () => {
  for (const [method, credential] of await each('admin')) {
    const id = await idOf(method, credential)
    await people.done('POST /v1/kill', { minted_by: `principal:${id}`, reason: 'stolen' })
    for (const [route, declared] of guarded) {
      if (!acceptsPrincipals(declared) || (method === 'svid' && accepts(declared, 'agent-certificate'))) continue
      const { status, body } = await calling(route, credential)
      assert.deepEqual([status, body?.code], [403, 'principal_barred'], `${route} ${method}`)
    }
    await people.done(`POST /v1/access/principals/${id}/reinstate`)
    // What it came by was issued before.
    const { status, body } = await server.call('GET /v1/agents', credential)
    assert.deepEqual([status, body.code], [401, 'credential_too_old'], method)
  }
})

/** As events name it. */
async function idOf(method: string, credential: CallOptions): Promise<string> {
  if (method !== 'svid') return (await server.call('GET /v1/whoami', credential)).body.id
  const agent = `known${++agents}`
  const made = await server.call('POST /v1/agents', { ...credential, body: { tenant: 'acme', agent } })
  assert.equal(made.status, 201, made.text)
  const { body } = await server.call('GET /v1/events?type=agent.created&limit=1', { token: admin })
  return body.items[0].actor.slice('principal:'.length)
}
