import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard } from '../../testing/fake-io.ts'

const ID = '0a1b2c3d4e5f60718293a4b5c6d7e8f9'
const OTHER = 'f'.repeat(32)
const ISSUER = {
  id: ID,
  issuer: 'https://login.example.com',
  tenant: null,
  jwks_uri: null,
  audiences: ['lanyard'],
  algorithms: ['RS256'],
  claims: { subject: 'sub', name: 'name', groups: 'groups' },
  max_token_age_sec: 3600,
  introspection: null,
  login: { client_id: 'cli', scopes: ['openid'] },
  enabled: true,
  created_by: 'api-key:k1',
  updated_by: 'api-key:k1',
  created_at: '2026-11-21T06:00:00Z',
  updated_at: '2026-11-21T06:00:00Z',
}
const ROLE = { id: ID, role: 'on-call', tenant: null, description: '', permissions: ['agent.kill'] }
const BINDING = {
  id: ID,
  kind: 'user',
  issuer: ID,
  value: 'ada',
  role: 'operator',
  tenant: 'acme',
  agents: null,
  created_by: 'api-key:k1',
  created_at: '2026-11-21T06:00:00Z',
  expires_at: null,
}
const folder = mkdtempSync(join(tmpdir(), 'lanyard-access-'))
let authority: FakeAuthority
const issuers = (...items: object[]) => {
  authority.answers['GET /v1/access/issuers'] = { body: { items, next_cursor: null } }
}

before(async () => {
  authority = await FakeAuthority.start()
  const roles = [{ ...ROLE, id: null, role: 'admin' }, ROLE, { ...ROLE, id: OTHER, tenant: 'acme' }]
  Object.assign(authority.answers, {
    'POST /v1/access/bindings': { status: 201, body: BINDING },
    'POST /v1/access/roles': { status: 201, body: ROLE },
    'GET /v1/access/roles': { body: { items: roles, next_cursor: null } },
    [`PATCH /v1/access/roles/${ID}`]: { body: ROLE },
    [`DELETE /v1/access/roles/${OTHER}`]: { status: 204 },
    'POST /v1/access/issuers': { status: 201, body: ISSUER },
    [`PATCH /v1/access/issuers/${ID}`]: { body: ISSUER },
    [`POST /v1/access/principals/${ID}/reinstate`]: { status: 204 },
  })
})
beforeEach(() => {
  authority.heard.length = 0
  issuers(ISSUER)
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const type = (line: string) => lanyard(line.split(' '), { cwd: folder, env: authority.env() })
const sent = () => authority.heard.at(-1)!.body

const BINDEES: readonly (readonly [who: string, bindee: object])[] = [
  ['user:ada', { kind: 'user', value: 'ada', issuer: ID }],
  ['user:auth0|5f7c:1', { kind: 'user', value: 'auth0|5f7c:1', issuer: ID }],
  ['group:sre --issuer https://login.example.com', { kind: 'group', value: 'sre', issuer: ID }],
  [`group:sre --issuer ${OTHER}`, { kind: 'group', value: 'sre', issuer: OTHER }],
  ['spiffe://x/tenant/acme/agent/a', { kind: 'spiffe-id', value: 'spiffe://x/tenant/acme/agent/a' }],
  ['certificate:dn:CN=deployer,O=Acme', { kind: 'certificate', value: 'dn:CN=deployer,O=Acme' }],
]

for (const [who, bindee] of BINDEES)
  test(`a role is given to ${who}`, async () => {
    const { exit, err } = await type(
      `access bind ${who} --role operator --tenant acme --agents build-* --expires-in 60`,
    )
    assert.equal(exit, 0, err)
    assert.deepEqual(sent(), { ...bindee, role: 'operator', tenant: 'acme', agents: 'build-*', expires_in_sec: 60 })
  })

test('whose user it is must be clear', async () => {
  issuers(ISSUER, { ...ISSUER, id: OTHER, issuer: 'https://b.example' })
  const several = await type('access bind user:ada --role operator')
  assert.equal(several.exit, 2)
  assert.match(several.err, /--issuer is missing: expected one of https:\/\/login\.example\.com, https:\/\/b\.example/)
  issuers()
  assert.equal(JSON.parse((await type('access bind user:ada --role operator --json')).out).code, 'issuer_unknown')
  issuers(ISSUER, { ...ISSUER, id: OTHER, tenant: 'acme' })
  assert.match(
    (await type(`access bind user:ada --role x --issuer ${ISSUER.issuer}`)).err,
    new RegExp(`${ID}, ${OTHER}`),
  )
  assert.ok(authority.heard.every(({ method }) => method === 'GET'))
})

test('a role is named by its name, and one of a tenant is another one', async () => {
  assert.equal((await type('access role create on-call --permission agent.kill --permission agent.read')).exit, 0)
  assert.deepEqual(sent(), { role: 'on-call', permissions: ['agent.kill', 'agent.read'] })
  await type('access role update on-call --description nights')
  assert.deepEqual([authority.heard.at(-1)?.path, sent()], [`/v1/access/roles/${ID}`, { description: 'nights' }])
  assert.equal((await type('access role delete on-call --tenant acme')).exit, 0)
  assert.equal(authority.heard.at(-1)?.path, `/v1/access/roles/${OTHER}`)
  const builtIn = await type('access role delete admin --json')
  assert.match(JSON.parse(builtIn.out).detail, /built in/)
  assert.match((await type('access role list')).out, /admin +built in/)
})

test('an issuer is described by what is given, and a secret comes from a file', async () => {
  writeFileSync(join(folder, 'secret'), 'kept-encrypted\n')
  const { exit, out, err } = await type(
    'access issuer add https://login.example.com --audience lanyard --login-client cli --login-scope openid ' +
      '--login-scope groups --groups-claim /realm/roles --introspection-url https://login.example.com/i ' +
      `--introspection-client lanyard --introspection-secret-file ${join(folder, 'secret')} --tenant acme`,
  )
  assert.equal(exit, 0, err)
  assert.deepEqual(sent(), {
    issuer: 'https://login.example.com',
    tenant: 'acme',
    audiences: ['lanyard'],
    login: { client_id: 'cli', scopes: ['openid', 'groups'] },
    claims: { subject: 'sub', name: 'name', groups: '/realm/roles' },
    introspection: { url: 'https://login.example.com/i', client_id: 'lanyard' },
    introspection_secret: 'kept-encrypted',
  })
  assert.ok(!(out + err).includes('kept-encrypted'))
  await type('access issuer update https://login.example.com --login-client none --introspection-url none --enabled no')
  assert.deepEqual(sent(), { login: null, introspection: null, enabled: false })
})

test('an explanation says step by step, and its end is the exit code', async () => {
  const steps = [{ step: 'binding', ok: true, detail: 'operator of acme' }]
  authority.answers['POST /v1/access/explain'] = { body: { allowed: true, steps } }
  const yes = await type('access explain user:ada agent.kill acme/invoice --group sre')
  assert.equal(yes.exit, 0, yes.err)
  assert.match(yes.out, /✓ binding {2}operator of acme\nallowed/)
  const who = { kind: 'user', value: 'ada', issuer: ID }
  assert.deepEqual(sent(), { who, groups: ['sre'], action: 'agent.kill', tenant: 'acme', agent: 'invoice' })
  authority.answers['POST /v1/access/explain'] = { body: { allowed: false, steps } }
  assert.equal((await type('access explain api-key:k1 createTenant')).exit, 1)
  assert.deepEqual(sent(), { who: { kind: 'api-key', value: 'k1' }, action: 'createTenant' })
})

test('a principal is reinstated by its id, as events write it too', async () => {
  for (const written of [ID, `principal:${ID}`]) {
    assert.equal((await type(`access reinstate ${written}`)).exit, 0)
    assert.equal(authority.heard.at(-1)?.path, `/v1/access/principals/${ID}/reinstate`)
  }
})

const MISUSE: readonly (readonly [line: string, says: RegExp])[] = [
  ['access bind ada --role admin', /expected user:…, group:…, spiffe-id:…, certificate:…, got "ada"/],
  ['access bind user: --role admin', /expected user:…/],
  ['access bind api-key:k1 --role admin', /expected user:…/],
  ['access bind user:ada', /--role is missing/],
  ['access rolle list', /did you mean role\?/],
  ['access role lst', /`lanyard access role` has create, list, update, delete, but no "lst"; did you mean list\?/],
  ['access role update on-call', /nothing to change/],
  ['access issuer add https://a.example', /--audience is missing/],
  ['access issuer add https://a.example --audience x --login-scope openid', /--login-scope goes with --login-client/],
  ['access issuer add https://a.example --audience x --introspection-url https://a.example/i', /together/],
  ['access explain user:ada agent.kill acme/invoice --tenant acme', /either TENANT\/AGENT or --tenant/],
  ['access explain user:ada agent.kill acme', /expected TENANT\/AGENT/],
]

for (const [line, says] of MISUSE)
  test(`misuse: lanyard ${line}`, async () => {
    const { exit, err } = await type(line)
    assert.equal(exit, 2, err)
    assert.match(err, says)
    assert.deepEqual(
      authority.heard.filter(({ path }) => path !== '/v1/root.pem'),
      [],
    )
  })
