import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Agent, fetch } from 'undici'
import { TestIdentity } from '../../packages/protocol/src/node/test-ca.ts'
import { type Json, type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { CLIENT_SECRET, OidcProvider, OPAQUE } from '../support/oidc-provider.ts'

// A real OpenID provider, a real authority in a process of its own, and people and programs who have no API key.

const AUDIENCE = 'https://id.example.org'
const API = `${OPAQUE}lanyard`

let provider: OidcProvider
let authority: LanyardUp
let issuer: string
let folder: string
let operators: TestIdentity

before(async () => {
  const now = Math.floor(Date.now() / 1000)
  operators = TestIdentity.root({ subject: 'Operators', notBefore: now - 60, notAfter: now + 3600 })
  folder = mkdtempSync(join(tmpdir(), 'lanyard-operators-'))
  writeFileSync(join(folder, 'ca.pem'), operators.pem)
  const users = { ada: { name: 'Ada', groups: ['dev', 'oncall'] }, bob: { name: 'Bob', groups: ['dev'] } }
  provider = await OidcProvider.start({ audience: AUDIENCE, users })
  const env = {
    LANYARD_IDP_CA_FILE: provider.caFile,
    LANYARD_IDP_ALLOW_ADDRESSES: '127.0.0.0/8,::1/128',
    LANYARD_OPERATOR_CA_FILE: join(folder, 'ca.pem'),
  }
  authority = await lanyardUp({ env })
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  await authority.call('POST', '/v1/agents', { tenant: 'acme', agent: 'planner' })
  const introspection = { url: provider.introspectionUrl, client_id: 'lanyard' }
  const settings = { issuer: provider.issuer, audiences: [AUDIENCE, API], introspection }
  issuer = (await authority.call('POST', '/v1/access/issuers', { ...settings, introspection_secret: CLIENT_SECRET })).id
})
after(async () => {
  await authority?.remove()
  await provider?.close()
  rmSync(folder, { recursive: true, force: true })
})

const bind = (bindee: object, role: string, where: object = {}) =>
  authority.call('POST', '/v1/access/bindings', { ...bindee, role, ...where })
const whoami = (token: string) => authority.ask('GET', '/v1/whoami', undefined, token)

test('a person comes by the token of a login, and may what the groups may', async () => {
  await bind({ kind: 'group', issuer, value: 'oncall' }, 'operator', { tenant: 'acme' })
  const { reply } = await whoami(await provider.userToken('ada'))
  assert.deepEqual([reply.method, reply.name, reply.role, reply.tenant], ['jwt', 'Ada', 'operator', 'acme'])
  const kill = { reason: 'it went astray' }
  const ask = async (user: string) =>
    authority.ask('POST', '/v1/agents/acme/planner/kill', kill, await provider.userToken(user))
  assert.equal((await ask('bob')).reply.code, 'principal_unbound')
  assert.equal((await ask('ada')).status, 202)
})

test('a program comes by its own token, and goes on when the provider changes its keys', async () => {
  await bind({ kind: 'user', issuer, value: 'deployer' }, 'auditor')
  assert.equal((await whoami(await provider.clientToken('deployer'))).reply.role, 'auditor')
  provider.rotate()
  assert.equal((await whoami(await provider.clientToken('deployer'))).status, 200)
  assert.equal(
    (await whoami(await provider.clientToken('deployer', 'https://elsewhere.example'))).reply.code,
    'external_token_invalid',
  )
})

test('somebody comes by an opaque token, until a kill shuts them out', async () => {
  await bind({ kind: 'user', issuer, value: 'ada' }, 'auditor')
  const token = await provider.userToken('ada', API)
  assert.doesNotMatch(token, /\./)
  const { reply } = await whoami(token)
  assert.deepEqual([reply.method, reply.name], ['introspection', 'Ada'])
  const asked = provider.asked.get('/token/introspection')
  assert.equal((await whoami(token)).status, 200)
  assert.equal(provider.asked.get('/token/introspection'), asked, 'the answer is believed for a while')
  await authority.call('POST', '/v1/kill', { minted_by: `principal:${reply.id}`, reason: 'phished' })
  assert.equal((await whoami(token)).reply.code, 'principal_barred')
  // It is the same person by whatever token.
  assert.equal((await whoami(await provider.userToken('ada'))).reply.code, 'principal_barred')
})

test('an operator comes by a client certificate', async () => {
  await bind({ kind: 'certificate', value: 'dn:CN=eve' }, 'auditor', { tenant: 'acme' })
  const { status, reply } = await byCertificate('eve')
  assert.equal(status, 200, JSON.stringify(reply))
  assert.deepEqual([reply.method, reply.name, reply.tenant], ['certificate', 'dn:CN=eve', 'acme'])
  assert.equal((await byCertificate('mallory')).reply.code, 'principal_unbound')
})

async function byCertificate(subject: string): Promise<{ status: number; reply: Json }> {
  const now = Math.floor(Date.now() / 1000)
  const leaf = operators.leaf({ subject, notBefore: now - 60, notAfter: now + 600 })
  const dispatcher = new Agent({ connect: { ca: authority.rootPem, cert: leaf.pem, key: leaf.keyPem } })
  const reply = await fetch(`${authority.ready.url}/v1/whoami`, { dispatcher })
  const said = { status: reply.status, reply: (await reply.json()) as Json }
  await dispatcher.close()
  return said
}

test('while the provider is away, its keys are used and its opaque tokens are not', async () => {
  await bind({ kind: 'user', issuer, value: 'bob' }, 'auditor')
  const [known, opaque] = [await provider.clientToken('deployer'), await provider.userToken('bob', API)]
  await provider.leave()
  assert.equal((await whoami(known)).status, 200)
  assert.deepEqual((await whoami(opaque)).reply.code, 'introspection_failed')
  await provider.comeBack()
  assert.equal((await whoami(opaque)).reply.role, 'auditor')
})
