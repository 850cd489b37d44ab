import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { shared } from '@lanyard/authority'
import { entry } from '../store/suite/samples.ts'
import type { CallOptions } from '../testing/client.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'

let server: HttpHarness
let admin: string
let acme: string
let globex: string
let told = 0

before(async () => {
  server = await openHttp({ parts: parts => ({ ...parts, nodeNews: { tell: () => void told++ } }) as typeof parts })
  admin = await server.apiKey('admin')
  for (const tenant of ['acme', 'globex']) for (const agent of ['a1', 'a2']) await server.agent({ tenant, agent })
  acme = await server.apiKey('operator', { tenant: 'acme' })
  globex = await server.apiKey('operator', { tenant: 'globex' })
})
after(() => server.close())

let uid = 1000
/** Selectors that no other entry has. */
const fresh = () => [`unix:uid:${uid++}`]
const create = (body: object, token = admin) => server.call('POST /v1/entries', { token, body })
const made = async (body: object = {}, token = admin) => {
  const answer = await create({ tenant: 'acme', agent: 'a1', selectors: fresh(), ...body }, token)
  assert.equal(answer.status, 201, answer.text)
  return answer.body
}
const call = (method: string, id: string, options: CallOptions = {}) =>
  server.call(`${method} /v1/entries/${id}`, { token: admin, ...options })
const eventsOf = async (type: string) =>
  (await server.call(`GET /v1/events?type=${type}&limit=500`, { token: admin })).body.items

test('an entry is made, shown, changed and deleted, and each is told', async () => {
  const before = told
  const settings = {
    ...{ selectors: ['unix:uid:7', 'docker:label:app:x', 'unix:uid:7'], parent: 'group:linux', x509_ttl_sec: 60 },
    ...{ jwt_ttl_sec: 90, dns_names: ['a.svc.test'], hint: 'größe', federates_with: ['b.test', 'a.test', 'b.test'] },
    ...{ expires_at: '2031-01-31T12:00:00Z', children: true, replicas: 3 },
  }
  const entry = await made(settings)
  const { id, revision, created_at, updated_at, ...rest } = entry
  assert.match(id, /^[0-9a-f]{32}$/)
  assert.equal(created_at, updated_at)
  assert.deepEqual(rest, {
    ...settings,
    ...{ tenant: 'acme', agent: 'a1', spiffe_id: 'spiffe://example.test/tenant/acme/agent/a1' },
    ...{ selectors: ['docker:label:app:x', 'unix:uid:7'], federates_with: ['a.test', 'b.test'] },
  })
  assert.deepEqual((await call('GET', id)).body, entry)

  const changed = await call('PATCH', id, { body: { hint: null, expires_at: null, replicas: 1, revision } })
  assert.ok(changed.body.revision > revision)
  assert.deepEqual(changed.body, {
    ...entry,
    ...{ hint: null, expires_at: null, replicas: 1 },
    ...{ revision: changed.body.revision, updated_at: changed.body.updated_at },
  })
  assert.equal((await call('DELETE', id)).status, 204)
  assert.equal((await call('GET', id)).body.code, 'entry_unknown')
  assert.equal((await call('DELETE', id)).body.code, 'entry_unknown')
  assert.equal(told - before, 3)
  for (const type of ['entry.created', 'entry.updated', 'entry.deleted']) {
    const [event] = (await eventsOf(type)).filter((item: { detail: { entry: string } }) => item.detail.entry === id)
    assert.deepEqual([event.tenant, event.agent], ['acme', 'a1'], type)
  }
})

test('an agent is named by its SPIFFE ID too, by whoever may see it', async () => {
  const spiffe_id = 'spiffe://example.test/tenant/globex/agent/a1'
  const body = { spiffe_id, selectors: fresh() }
  assert.equal((await create(body, acme)).body.code, 'agent_unknown')
  assert.equal((await create({ ...body, spiffe_id: `${spiffe_id}0` })).body.code, 'agent_unknown')
  assert.deepEqual([(await create(body, globex)).body.tenant], ['globex'])
  for (const names of [{}, { tenant: 'acme' }, { ...body, tenant: 'acme', agent: 'a1' }])
    assert.equal((await create({ ...names, selectors: fresh() })).body.code, 'body_invalid')
})

test('only who changes what he has seen, when he says which it was', async () => {
  const { id, revision } = await made()
  assert.equal((await call('PATCH', id, { body: { replicas: 2, revision } })).status, 200)
  assert.equal((await call('PATCH', id, { body: { replicas: 3, revision } })).body.code, 'revision_conflict')
  assert.equal((await call('PATCH', id, { body: { replicas: 3 } })).body.replicas, 3)
})

test('two entries never say the same', async () => {
  const selectors = fresh()
  const first = await made({ selectors })
  const body = { tenant: 'acme', agent: 'a1', selectors }
  assert.equal((await create(body)).body.code, 'entry_exists')
  const second = await made({ selectors, parent: 'node:n1' })
  await made({ selectors, agent: 'a2' })
  assert.equal((await call('PATCH', second.id, { body: { parent: null } })).body.code, 'entry_exists')
  // A change to what it is already changes nothing.
  assert.equal((await call('PATCH', first.id, { body: { selectors } })).status, 200)
})

test('a batch is made whole or not at all', async () => {
  const batch = (entries: object[], token = admin) =>
    server.call('POST /v1/entries/batch', { token, body: { entries } })
  const one = () => ({ tenant: 'acme', agent: 'a1', selectors: fresh() })
  const whole = await batch([one(), { ...one(), tenant: 'globex' }, { ...one(), agent: 'a2' }])
  assert.deepEqual(
    whole.body.items.map(({ tenant, agent }: { tenant: string; agent: string }) => `${tenant}/${agent}`),
    ['acme/a1', 'globex/a1', 'acme/a2'],
  )
  const good = one()
  const count = async () => (await eventsOf('entry.created')).length
  const before = await count()
  for (const [bad, code] of [
    [{ ...one(), agent: 'nobody' }, 'agent_unknown'],
    [{ ...one(), selectors: ['xyz'] }, 'selector_invalid'],
    [good, 'entry_exists'],
    [{ ...one(), x509_ttl_sec: 301 }, 'ttl_out_of_range'],
  ] as const)
    assert.equal((await batch([good, bad])).body.code, code)
  assert.equal((await batch([good, { ...one(), tenant: 'globex' }], acme)).body.code, 'tenant_mismatch')
  assert.equal(await count(), before)
  assert.equal((await batch([good])).status, 201)
})

test('a tenant that is full gets no further entry, and others do', async () => {
  const { store, rows } = server.pipeline
  const full = { tenant: 'initech', agent: 'a1', spiffeId: 'spiffe://example.test/tenant/initech/agent/a1' }
  await server.agent(full)
  await store.write(function* () {
    for (let number = 0; number < 25_000; number++) yield* rows.entries.insert(entry(number, full))
  }, shared('initech'))
  const refused = await create({ tenant: 'initech', agent: 'a1', selectors: ['unix:user:one-more'] })
  assert.deepEqual([refused.status, refused.body.code], [409, 'too_many_entries'])
  await made()
})

test('a selector that could never match is refused', async () => {
  for (const selector of [
    'unix',
    'unix:uid',
    'unix:uid:',
    ':uid:1',
    'unix:uid:0x1',
    'unix:uid:01',
    'unix:uid:-1',
    'unix:uid: 1',
    'unix:gid:root',
    'unix:sha256:ABC',
    `unix:sha256:${'A'.repeat(64)}`,
    'unix:path:node',
    'unix:path:/usr//bin',
    'unix:path:/usr/./bin/node',
    'unix:path:/usr/../bin/node',
    'unix:path:/usr/bin/',
    'UNIX:uid:1',
    'un ix:uid:1',
    'docker:label:a\nb',
    'docker:label:a\u007fb',
    'docker:label:\u0085',
    'docker:label:a\u200bb',
    'docker:label:a\u2028b',
    'unix:uuid:1',
    'unix:constructor:1',
    'systemd:unit:agent.service',
    'systemd:fragment_path:agent.service',
    'docker:image:app',
  ]) {
    const { body } = await create({ tenant: 'acme', agent: 'a1', selectors: [...fresh(), selector] })
    assert.equal(body.code, 'selector_invalid', selector)
  }
  for (const selector of [
    'unix:uid:0',
    'unix:path:/usr/bin/..node',
    'unix:path:/opt/größe/a b',
    `unix:sha256:${'a'.repeat(64)}`,
    'docker:label:app:invoice:v2',
    'systemd:id:agent@1.service',
    'systemd:fragment_path:/etc/systemd/system/agent.service',
    'docker:label:größe:3 kg',
    'k8s:ns:default',
    'constructor:x:1',
  ])
    await made({ selectors: [...fresh(), selector] })
})

test('what an entry asks for stays within what agent and trust domain allow', async () => {
  const refused = async (settings: object, code: string) => {
    const { body } = await create({ tenant: 'acme', agent: 'a1', selectors: fresh(), ...settings })
    assert.equal(body.code, code, JSON.stringify(settings))
  }
  // Its tier is silver.
  for (const ttl of ['x509_ttl_sec', 'jwt_ttl_sec']) {
    await refused({ [ttl]: 301 }, 'ttl_out_of_range')
    await refused({ [ttl]: 59 }, 'body_invalid')
    await made({ [ttl]: 300 })
  }
  for (const name of [
    'svc.test.',
    '*.svc.test',
    'a.svc.test.example',
    'xsvc.test',
    'a_b.svc.test',
    'A.svc.test',
    // The authority's own: a workload could stand in for it.
    'lanyard.svc.test',
    '10.0.0.1',
  ])
    await refused({ dns_names: [name] }, 'dns_name_forbidden')
  await made({ dns_names: ['svc.test', 'a.b.svc.test'] })
  for (const domain of ['example.test', 'UPPER.test', 'spiffe://other.test', 'a/b'])
    await refused({ federates_with: [domain] }, 'name_invalid')
  for (const expires_at of ['tomorrow', '2026-01-31', '2026-01-31 12:00:00Z', '1'])
    await refused({ expires_at }, 'body_invalid')
  for (const parent of ['n1', 'node:', 'node:N1', 'group:a:b', 'tenant:acme']) await refused({ parent }, 'body_invalid')
  await refused({ selectors: [] }, 'body_invalid')
  await refused({ replicas: 0 }, 'body_invalid')
})

test('an agent that is retired gets no entry, and its entries change no more', async () => {
  await server.agent({ tenant: 'acme', agent: 'old' })
  const { id } = await made({ agent: 'old' })
  await server.call('DELETE /v1/agents/acme/old', { token: admin })
  assert.equal((await create({ tenant: 'acme', agent: 'old', selectors: fresh() })).body.code, 'agent_retired')
  assert.equal((await call('PATCH', id, { body: { replicas: 2 } })).body.code, 'agent_retired')
  assert.equal((await call('DELETE', id)).status, 204)
})

test("another tenant's entries are as if absent", async () => {
  const { id } = await made()
  for (const entry of [id, 'f'.repeat(32), 'x']) {
    for (const method of ['GET', 'DELETE'])
      assert.equal((await call(method, entry, { token: globex })).body.code, 'entry_unknown')
    const patch = await call('PATCH', entry, { token: globex, body: { replicas: 2 } })
    assert.equal(patch.body.code, 'entry_unknown')
  }
  assert.equal((await create({ tenant: 'acme', agent: 'a1', selectors: fresh() }, globex)).body.code, 'tenant_mismatch')
  assert.equal(
    (await create({ tenant: 'nobody', agent: 'a1', selectors: fresh() }, globex)).body.code,
    'tenant_mismatch',
  )
  const { items } = (await server.call('GET /v1/entries', { token: globex })).body
  assert.ok(items.every(({ tenant }: { tenant: string }) => tenant === 'globex'))
  assert.equal((await call('GET', id)).status, 200)
})

test('an API key of some agents gives no identity of another by an entry or a node', async () => {
  const some = await server.apiKey('operator', { tenant: 'acme', agents: 'a1' })
  const of = (agent: string) => ({ tenant: 'acme', agent, selectors: fresh() })
  const { id } = await made({}, some)
  assert.equal((await call('PATCH', id, { token: some, body: { hint: 'mine' } })).status, 200)
  const other = (await made({ agent: 'a2' })).id
  const spiffe_id = 'spiffe://example.test/tenant/acme/agent/a2'
  const answers = [
    await create(of('a2'), some),
    await create({ spiffe_id, selectors: fresh() }, some),
    await server.call('POST /v1/entries/batch', { token: some, body: { entries: [of('a1'), of('a2')] } }),
    await call('PATCH', other, { token: some, body: { selectors: fresh() } }),
    await server.call('POST /v1/nodes/join-tokens', { token: some, body: { name: 'n1' } }),
  ]
  for (const { body } of answers) assert.equal(body.code, 'agent_not_covered')
})

test('lists go by pages and filters', async () => {
  const selectors = fresh()
  const parent = 'node:pages'
  const ids = []
  for (const agent of ['a1', 'a2']) ids.push((await made({ agent, selectors, parent })).id)
  const list = async (query: string) => (await server.call(`GET /v1/entries?${query}`, { token: acme })).body
  const found = async (query: string) => (await list(query)).items.map(({ id }: { id: string }) => id)
  assert.deepEqual(await found(`parent=${parent}`), ids)
  assert.deepEqual(await found(`selector=${selectors}`), ids)
  assert.deepEqual(await found(`selector=${selectors}&agent=a2`), [ids[1]])
  const first = await list(`parent=${parent}&limit=1`)
  assert.deepEqual(
    first.items.map(({ id }: { id: string }) => id),
    [ids[0]],
  )
  assert.deepEqual(await found(`parent=${parent}&limit=1&cursor=${first.next_cursor}`), [ids[1]])
  assert.equal((await list(`limit=1&cursor=${first.next_cursor}`)).code, 'cursor_invalid')
})

test('a new key policy of the tenant reaches every entry', async () => {
  const { id, revision } = await made({ tenant: 'globex', agent: 'a1' })
  const policy = (key_policy: string) => server.call('PATCH /v1/tenants/globex', { token: admin, body: { key_policy } })
  assert.equal((await policy('modern')).status, 200)
  assert.equal((await call('GET', id)).body.revision, revision)
  assert.equal((await policy('rsa-only')).status, 200)
  assert.ok((await call('GET', id)).body.revision > revision)
})

test('bundles of other trust domains are set by whoever speaks for all tenants', async () => {
  const own = (await server.call('GET /v1/bundle')).text
  const set = (trust_domain: string, bundle: string, token = admin) =>
    server.call('POST /v1/bundles', { token, body: { trust_domain, bundle } })
  const list = async (token = admin) => (await server.call('GET /v1/bundles', { token })).body.items
  const made = await set('other.test', own)
  assert.equal(made.status, 201, made.text)
  assert.deepEqual(await list(globex), [made.body])
  for (const [domain, bundle] of [
    ['other.test', '{}'],
    ['other.test', 'no JSON'],
    ['other.test', '{"keys":null}'],
    ['example.test', own],
    ['Other.test', own],
    ['spiffe://other.test', own],
  ] as const)
    assert.equal((await set(domain, bundle)).body.code, 'bundle_invalid', `${domain} ${bundle.slice(0, 20)}`)
  const mine = await server.apiKey('admin', { tenant: 'acme' })
  assert.equal((await set('third.test', own, mine)).body.code, 'tenant_mismatch')
  const remove = (token: string) => server.call('DELETE /v1/bundles/other.test', { token })
  assert.equal((await remove(mine)).body.code, 'tenant_mismatch')
  assert.equal((await remove(admin)).status, 204)
  assert.equal((await remove(admin)).body.code, 'not_found')
  assert.deepEqual(await list(), [])
})
