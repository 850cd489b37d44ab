import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import { Certificate, decodePem } from '@lanyard/protocol'
import { decodeJwt } from 'jose'
import { COMMANDS } from '../../packages/cli/src/commands/index.ts'
import { lanyard } from '../../packages/cli/src/testing/fake-io.ts'
import type { Answer, CallOptions } from '../../packages/server/src/testing/client.ts'
import { type HttpHarness, openHttp } from '../../packages/server/src/testing/http.ts'
import { joinNode } from '../../packages/server/src/testing/nodes.ts'
import { type Bindee, People } from '../../packages/server/src/testing/people.ts'
import { bySecret, SecretAgent } from '../../packages/server/src/testing/secrets.ts'
import {
  APART,
  bodiesOf,
  ENDING,
  INVOICE,
  LAST,
  MINTING,
  newCsr,
  SPARE,
  TAKES_AWAY,
} from '../support/attempts-to-mint.ts'

// A tenant lets its own identity provider vouch for its agents, and wants to be sure that nobody else can: not the
// operator of the authority, by whatever key, route or command. All that exists is tried here, also what is added
// tomorrow: a route or a command that nobody has thought about here fails.

let server: HttpHarness
let admin: string
let folder: string
/** What is tried, by name: every credential that was there before, and every role. */
let credentials: readonly (readonly [name: string, options: CallOptions])[]
let entry: string
let idp: string
let certificatesBefore: number
/** Of before, as text. */
let held: { readonly secret: string; readonly token: string }

const people = new People(
  () => server,
  () => admin,
)

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanyard-federation-'))
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: people.parts })
  admin = await server.apiKey('admin')
  await server.agent(INVOICE)
  await server.agent(SPARE)
  await people.done('PATCH /v1/tenants/acme/admission', { on_federation: 'end' })
  const older = await beforehand()
  const provider = await people.providers.make('https://idp.acme.test')
  const vouching = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
  idp = (await people.done('POST /v1/tenants/acme/idps', vouching)).id
  credentials = [...older, ...(await afterwards())]
  certificatesBefore = await certificates()
})
after(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** All that agents and machines can hold, got while we still minted. */
async function beforehand() {
  const { secret } = await new SecretAgent(server, admin, INVOICE).create()
  const node = await joinNode(server, { name: 'n1', tenant: 'acme' })
  const everywhere = await joinNode(server, { name: 'n2' })
  entry = (await people.done('POST /v1/entries', { ...INVOICE, selectors: ['unix:uid:1001'] })).id
  const csr = await newCsr()
  const asNode = { tls: node, body: { entry, csr } }
  assert.equal((await server.call('POST /v1/node/svids/x509', asNode)).status, 201)
  const token = await server.token(INVOICE)
  held = { secret, token }
  return [
    ['an agent token of before', { token }],
    ['a certificate of before', { tls: await server.certificate(INVOICE) }],
    ['a secret of before', bySecret(secret)],
    ['a node of the tenant', { tls: node }],
    ['a node of all tenants', { tls: everywhere }],
  ] as const
}

/** Every role of ours, and people with the widest that there is. */
async function afterwards() {
  const roles = ['admin', 'operator', 'issuer', 'auditor'] as const
  const keys = roles.flatMap(role => [
    [`${role} of all`, server.apiKey(role)] as const,
    [`${role} of the tenant`, server.apiKey(role, { tenant: 'acme' })] as const,
  ])
  const made = await Promise.all(keys.map(async ([name, key]) => [name, { token: await key }] as const))
  const { provider, id: issuer } = await people.issuer()
  const bindee: Bindee = { kind: 'user', issuer, value: 'boss' }
  await people.done('POST /v1/access/bindings', { ...bindee, role: 'admin' })
  return [...made, ['a person who may do all', { token: await provider.sign({ sub: 'boss' }) }] as const]
}

const certificates = async (): Promise<number> => {
  const { store, rows, clock } = server.pipeline
  const filter = { tenant: 'acme', now: clock.now() }
  return (await store.read(() => rows.certificates.list(filter, { limit: 500, after: null }))).items.length
}

const bodies = bodiesOf({ server: () => server, entry: () => entry })

async function tried(id: RouteId, { call, body, stream }: Route, options: CallOptions): Promise<Answer> {
  assert.ok(!stream, `${id} has no end`)
  const { method, path } = splitCall(call)
  const agent = ENDING.has(id) ? SPARE.agent : INVOICE.agent
  const names: Record<string, string> = { tenant: 'acme', agent, id: id.endsWith('Entry') ? entry : idp, version: '1' }
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => names[name] ?? '0'.repeat(32))
  const given = bodies[id]
  assert.ok(body === undefined || given !== undefined, `${id} is new: say here what it would be asked with`)
  const sent = typeof given === 'function' ? await given() : given
  return await server.call(`${method} ${filled}`, { ...options, ...(body === undefined ? {} : { body: sent }) })
}

/** Nothing lives that began with us, and nothing was recorded. */
async function nothingMinted(what: string): Promise<void> {
  const { store, rows } = server.pipeline
  const alive = await store.read(() => rows.lineages.linked({ internalTo: 'acme' }, null, 10))
  assert.deepEqual(alive, [], what)
  assert.equal(await certificates(), certificatesBefore, what)
}

/** No reply holds an identity of an agent of the tenant. */
function givesNothing(what: string, reply: Pick<Answer, 'text'>): void {
  for (const [token] of reply.text.matchAll(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g)) {
    const { tid, sub } = claimsOf(token)
    assert.ok(tid !== 'acme' && !String(sub).includes('/acme/'), `${what} gave a token`)
  }
  for (const [pem] of reply.text
    .replaceAll('\\n', '\n')
    .matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?/g))
    for (const uri of urisOf(pem)) assert.ok(!uri.includes('/tenant/acme/'), `${what} gave a certificate of ${uri}`)
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    return decodeJwt(token)
  } catch {
    return {}
  }
}

const urisOf = (pem: string): readonly string[] =>
  decodePem(pem, { labels: ['CERTIFICATE'] }).flatMap(({ der }) => Certificate.fromDer(der).subjectAltName?.uri ?? [])

test('no route mints for the tenant, by any credential', async () => {
  const refusals = new Map<string, Set<string>>()
  for (const [id, route] of Object.entries<Route>(routes) as [RouteId, Route][]) {
    if (id in LAST || route.stream || TAKES_AWAY.has(id)) continue
    for (const [name, options] of credentials) {
      const answer = await tried(id, route, options)
      givesNothing(`${id} by ${name}`, answer)
      if (answer.body?.code === 'federation_required') refusals.set(id, (refusals.get(id) ?? new Set()).add(name))
    }
    await nothingMinted(id)
  }
  // Those that mint elsewhere said why they do not here, to each who may ask them.
  const roles = ['admin', 'operator', 'issuer'].flatMap(role => [`${role} of all`, `${role} of the tenant`])
  assert.deepEqual(refusals.get('bootstrapAgent'), new Set([...roles, 'a person who may do all']))
  for (const id of ['issueWorkloadCert', 'issueJwtSvid', 'issueWitSvid'] as const)
    assert.deepEqual(refusals.get(id), new Set(['a node of the tenant', 'a node of all tenants']), id)
  assert.deepEqual(refusals.get('openSession'), new Set(['a secret of before']))
  assert.deepEqual(refusals.get('rotateSecret'), new Set(['a secret of before']))
  assert.ok(refusals.get('createSecret')!.has('admin of all'))
})

test('nobody takes the provider away who may not manage providers, and whoever does is told of', async () => {
  for (const [name, options] of credentials) {
    if (name.startsWith('admin') || name === 'a person who may do all') continue
    const { status } = await server.call(`DELETE /v1/tenants/acme/idps/${idp}`, options)
    assert.ok(status === 401 || status === 403, `${name}: ${status}`)
    for (const change of [{ enabled: false }, { allow_agent_federation: false }]) {
      const answer = await server.call(`PATCH /v1/tenants/acme/idps/${idp}`, { ...options, body: change })
      assert.ok(answer.status === 401 || answer.status === 403, `${name}: ${answer.status}`)
    }
    const kill = { minted_by: `idp:${idp}`, reason: 'test' }
    const killed = await server.call('POST /v1/kill', { ...options, body: kill })
    assert.ok(killed.status === 401 || killed.status === 403, `${name}: ${killed.status}`)
  }
  assert.deepEqual((await people.done('GET /v1/events?tenant=acme&type=federation.ended')).items, [])
})

test('a key, a role or a node that was made for it mints no more than who made it', async () => {
  const scope = { tenant: 'acme', expires_in_sec: 600 }
  const { key } = await people.done('POST /v1/api-keys', { name: 'fresh', role: 'issuer', ...scope })
  await people.done('POST /v1/access/roles', { role: 'minter', tenant: 'acme', permissions: ['agent.bootstrap'] })
  const custom = (await people.done('POST /v1/api-keys', { name: 'custom', role: 'minter', ...scope })).key
  for (const token of [key, custom])
    assert.equal(
      (await server.call('POST /v1/agent/bootstrap', { token, body: INVOICE })).body.code,
      'federation_required',
    )
  const node = await joinNode(server, { name: 'late', tenant: 'acme' })
  const { body } = await server.call('POST /v1/node/svids/x509', { tls: node, body: { entry, csr: await newCsr() } })
  assert.equal(body.code, 'federation_required')
})

async function commandMintsNothing(name: string): Promise<void> {
  const args = MINTING[name]!.map(word => (word === 'OUT' ? join(folder, name.replaceAll(' ', '-')) : word))
  const url = `https://localhost:${server.port}`
  const roots = decodePem(server.rootPem, { labels: ['CERTIFICATE'] })
  const env = { LANYARD_URL: url, LANYARD_ROOT_SHA256: createHash('sha256').update(roots[0]!.der).digest('hex') }
  const { secret, token } = held
  for (const credential of [{ LANYARD_API_KEY: admin }, { LANYARD_AGENT_SECRET: secret }, { LANYARD_TOKEN: token }]) {
    const { exit, out, err } = await lanyard([...name.split(' '), ...args, '--json'], {
      env: { ...env, ...credential },
      cwd: folder,
      home: folder,
    })
    assert.notEqual(exit, 0, `${name} by ${Object.keys(credential)[0]}: ${out}`)
    givesNothing(`${name} by ${Object.keys(credential)[0]}`, { text: out })
    await nothingMinted(name)
    codes.set(name, (codes.get(name) ?? new Set()).add(/"code":\s*"(\w+)"/.exec(out + err)?.[1] ?? 'none'))
  }
}
/** How commands were refused. */
const codes = new Map<string, Set<string>>()

test('no command mints for the tenant', async () => {
  const calls: ReadonlySet<string> = new Set(Object.values<Route>(routes).map(({ call }) => call))
  for (const { load } of COMMANDS) {
    for (const { name, wraps } of await load()) {
      if (name in MINTING) await commandMintsNothing(name)
      // What a command wraps was tried above, with every credential.
      else if (wraps !== undefined) assert.ok(calls.has(wraps), `${name} wraps ${wraps}`)
      else assert.ok(name in APART, `${name} is new: try it here, or say why it cannot mint`)
    }
  }
  for (const name of Object.keys(MINTING))
    assert.ok(codes.get(name)?.has('federation_required'), `${name}: ${[...(codes.get(name) ?? [])]}`)
})

test('a killed tenant that is reinstated is as federated as before', async () => {
  await people.done('POST /v1/tenants/acme/kill', { reason: 'test' })
  await people.done('POST /v1/tenants/acme/reinstate', { reason: 'test' })
  for (const [name, options] of credentials) {
    const answer = await server.call('POST /v1/agent/bootstrap', { ...options, body: INVOICE })
    assert.ok(answer.status === 401 || answer.status === 403, `${name}: ${answer.status}`)
    givesNothing(`bootstrap by ${name}`, answer)
    await nothingMinted(`bootstrap by ${name}`)
  }
})
