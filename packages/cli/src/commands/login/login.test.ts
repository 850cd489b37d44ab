import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard, type World } from '../../testing/fake-io.ts'

// The issuer here answers as it is told; the real one stands in the guide's story.

let authority: FakeAuthority
let issuer: FakeAuthority
let folder: string
let caFile: string

const PRINCIPAL = {
  kind: 'principal',
  method: 'jwt',
  id: 'a'.repeat(32),
  name: 'Ada',
  role: 'operator',
  grants: [
    { role: 'operator', tenant: 'acme', agents: 'build-*', expires_at: '2026-12-01T00:00:00Z' },
    { role: 'auditor', tenant: null, agents: null, expires_at: null },
  ],
  permissions: ['agent.read', 'agent.kill'],
  tenant: null,
  agent: null,
  spiffe_id: null,
  expires_at: '2027-01-01T00:00:00Z',
}
const json = (body: unknown, status = 200) => ({ status, type: 'application/json', body })
const form = (heard: { readonly body: unknown }) => heard.body as Record<string, string>

before(async () => {
  authority = await FakeAuthority.start()
  issuer = await FakeAuthority.start()
})
after(() => {
  authority.stop()
  issuer.stop()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
  folder = mkdtempSync(join(tmpdir(), 'lanyard-login-'))
  caFile = join(folder, 'issuer.pem')
  writeFileSync(caFile, issuer.ca.rootPem)
  authority.heard.length = 0
  issuer.heard.length = 0
  const client = { id: '1'.repeat(32), issuer: issuer.url, client_id: 'cli', scopes: ['openid'], audience: AUDIENCE }
  authority.answers['GET /v1/login'] = { body: { issuers: [client] } }
  authority.answers['GET /v1/whoami'] = { body: PRINCIPAL }
  authority.answers['GET /v1/tenants'] = { body: { items: [], next_cursor: null } }
  issuer.answers['GET /.well-known/openid-configuration'] = json({
    issuer: issuer.url,
    device_authorization_endpoint: `${issuer.url}/device`,
    token_endpoint: `${issuer.url}/token`,
    revocation_endpoint: `${issuer.url}/revoke`,
  })
  issuer.answers['POST /device'] = json(DEVICE())
  issuer.answers['POST /token'] = json(TOKENS)
  issuer.answers['POST /revoke'] = json({})
})

const AUDIENCE = 'https://lanyard.example.org'
const DEVICE = () => ({
  device_code: 'device-1',
  user_code: 'ABCD-EFGH',
  verification_uri: `${issuer.url}/go`,
  verification_uri_complete: `${issuer.url}/go?user_code=ABCD-EFGH`,
  expires_in: 600,
  interval: 0.01,
})
const TOKENS = { access_token: 'access-1', token_type: 'bearer', expires_in: 600, refresh_token: 'refresh-1' }

const world = (more: Partial<World> = {}): World => {
  const { LANYARD_API_KEY: _none, ...env } = authority.env()
  return { home: folder, cwd: folder, ...more, env: { ...env, ...more.env } }
}
const logIn = (more: Partial<World> = {}, ...args: string[]) =>
  lanyard(['login', '--ca-file', caFile, '--json', ...args], world(more))
const last = (out: string) => JSON.parse(out.trim().split('\n').at(-1)!)
const file = () => join(folder, '.config/lanyard/sessions/default.json')
const secretsHeard = () => authority.heard.flatMap(({ authorization }) => authorization ?? [])

test('a person is sent to a page with a code; then every command acts as them, without a key', async () => {
  const ran = await logIn()
  assert.equal(ran.exit, 0, ran.err)
  const [confirm, done] = ran.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const { device_code: _secret, interval: _interval, ...shown } = DEVICE()
  assert.deepEqual(confirm, { event: 'confirm', issuer: issuer.url, ...shown })
  assert.deepEqual(done.whoami, PRINCIPAL)
  assert.equal(done.session_file, file())
  assert.equal(statSync(file()).mode & 0o777, 0o600)
  assert.match(ran.err, /enter the code ABCD-EFGH, within 10 min/)
  for (const secret of ['access-1', 'refresh-1', 'device-1']) assert.ok(!(ran.out + ran.err).includes(secret), secret)

  const asked = form(issuer.heard.find(({ path }) => path === '/device')!)
  assert.deepEqual(asked, { scope: 'openid', audience: AUDIENCE, resource: AUDIENCE, client_id: 'cli' })
  assert.deepEqual(secretsHeard(), ['Bearer access-1'])
  assert.equal((await lanyard(['tenant', 'list'], world())).exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer access-1', 'Bearer access-1'])
})

test('for a person it says who they are, with which roles, until when', async () => {
  const { out } = await lanyard(['login', '--ca-file', caFile], world())
  for (const part of [
    'Ada',
    'token of an issuer',
    'operator of tenant acme, for agents build-*, until 2026-12-01T00:00:00Z',
    'auditor',
    '2027-01-01',
  ])
    assert.ok(out.includes(part), part)
})

test('a key that is given goes before the session, the session before the key of the profile', async () => {
  const { url } = authority
  authority.answers['GET /v1/bundle'] = { body: { keys: [], spiffe_sequence: 7 } }
  const key = join(folder, 'profile.key')
  writeFileSync(key, 'key-of-profile')
  const trust = ['--url', url, '--fingerprint', authority.ca.rootSha256, '--api-key-file', key]
  assert.equal((await lanyard(['bootstrap', ...trust], { home: folder })).exit, 0)
  const whose = async (env = {}) => {
    authority.heard.length = 0
    await lanyard(['tenant', 'list'], { home: folder, env })
    return secretsHeard().join()
  }
  assert.equal(await whose(), 'Bearer key-of-profile')
  await logIn({ env: { LANYARD_URL: undefined, LANYARD_ROOT_SHA256: undefined } })
  assert.equal(await whose(), 'Bearer access-1')
  assert.equal(await whose({ LANYARD_API_KEY: 'key-of-env' }), 'Bearer key-of-env')
  assert.equal(await whose({ LANYARD_TOKEN: 'token-of-agent' }), 'Bearer access-1')
})

test('the tenant of a session stands for calls that name none', async () => {
  await logIn({}, '--tenant', 'acme')
  assert.equal(authority.heard.find(({ path }) => path.startsWith('/v1/login'))?.path, '/v1/login?tenant=acme')
  await lanyard(['tenant', 'list'], world())
  assert.equal(authority.heard.at(-1)?.tenant, 'acme')
})

test('a session goes to no other authority', async t => {
  await logIn()
  const other = await FakeAuthority.start()
  t.after(() => other.stop())
  const { LANYARD_API_KEY: _none, ...env } = other.env()
  const { exit } = await lanyard(['tenant', 'list'], world({ env }))
  assert.equal(exit, 2)
  assert.deepEqual(
    other.heard.flatMap(({ authorization }) => authorization ?? []),
    [],
  )
})

test('a token that is about to end is refreshed, once, whoever needs it at the same time', async () => {
  await logIn()
  const later = Date.now() + 590_000
  issuer.answers['POST /token'] = heard => {
    // As issuers with rotation do it: a refresh token is good for one use.
    const { grant_type, refresh_token } = form(heard)
    assert.equal(grant_type, 'refresh_token')
    if (refresh_token !== 'refresh-1') return json({ error: 'invalid_grant' }, 400)
    return json({ ...TOKENS, access_token: 'access-2', refresh_token: 'refresh-2' })
  }
  issuer.heard.length = 0
  const many = [1, 2, 3, 4].map(() => lanyard(['tenant', 'list'], world({ now: () => later })))
  for (const { exit, err } of await Promise.all(many)) assert.equal(exit, 0, err)
  assert.deepEqual(new Set(secretsHeard()), new Set(['Bearer access-1', 'Bearer access-2']))
  assert.equal(issuer.heard.filter(({ path }) => path === '/token').length, 1)
  assert.equal(JSON.parse(readFileSync(file(), 'utf8')).refresh_token, 'refresh-2')
  assert.equal(statSync(file()).mode & 0o777, 0o600)
  assert.ok(!existsSync(`${file()}.lock`))
})

test('an issuer that gives no new refresh token means the old one', async () => {
  await logIn()
  issuer.answers['POST /token'] = json({ access_token: 'access-2', token_type: 'bearer', expires_in: 60 })
  await lanyard(['tenant', 'list'], world({ now: () => Date.now() + 590_000 }))
  assert.equal(JSON.parse(readFileSync(file(), 'utf8')).refresh_token, 'refresh-1')
})

const OVER: readonly (readonly [why: string, prepare: () => void, code: string, exit: number])[] = [
  [
    'the issuer has ended it',
    () => {
      issuer.answers['POST /token'] = json({ error: 'invalid_grant', error_description: 'revoked' }, 400)
    },
    'session_ended',
    1,
  ],
  [
    'it came without a refresh token',
    () => {
      const kept = JSON.parse(readFileSync(file(), 'utf8'))
      writeFileSync(file(), JSON.stringify({ ...kept, refresh_token: null }))
    },
    'session_ended',
    1,
  ],
  [
    'the issuer is troubled',
    () => {
      issuer.answers['POST /token'] = json({ error: 'server_error' }, 400)
    },
    'login_failed',
    1,
  ],
  [
    'the issuer is somebody else now',
    () => {
      const kept = JSON.parse(readFileSync(file(), 'utf8'))
      writeFileSync(file(), JSON.stringify({ ...kept, issuer_ca: null }))
    },
    'server_untrusted',
    1,
  ],
]

for (const [why, prepare, code, exit] of OVER)
  test(`a session that cannot be refreshed acts as nobody: ${why}`, async () => {
    await logIn()
    prepare()
    authority.heard.length = 0
    const ran = await lanyard(['tenant', 'list', '--json'], world({ now: () => Date.now() + 590_000 }))
    assert.equal(last(ran.out).code, code)
    assert.equal(ran.exit, exit)
    assert.deepEqual(secretsHeard(), [])
  })

test('a session that others can read is refused', async () => {
  await logIn()
  chmodSync(file(), 0o640)
  const { out } = await lanyard(['tenant', 'list', '--json'], world())
  assert.equal(last(out).code, 'permissions_too_wide')
})

const metadata = (more: object) => () => {
  issuer.answers['GET /.well-known/openid-configuration'] = json({
    issuer: issuer.url,
    device_authorization_endpoint: `${issuer.url}/device`,
    token_endpoint: `${issuer.url}/token`,
    ...more,
  })
}
const device = (more: object) => () => {
  issuer.answers['POST /device'] = json({ ...DEVICE(), ...more })
}
const tokenRefused = (error: string) => () => {
  issuer.answers['POST /token'] = json({ error }, 400)
}

const FAILS: readonly (readonly [why: string, prepare: () => void, code: string])[] = [
  ['the person declines', tokenRefused('access_denied'), 'login_failed'],
  ['the code has ended', tokenRefused('expired_token'), 'login_failed'],
  ['the issuer calls itself otherwise', metadata({ issuer: 'https://other.example' }), 'login_failed'],
  ['there is no device flow', metadata({ device_authorization_endpoint: undefined }), 'login_unavailable'],
  ['the token endpoint is not https', metadata({ token_endpoint: 'http://127.0.0.1:9/token' }), 'login_failed'],
  ['its metadata name no issuer', metadata({ issuer: undefined }), 'login_failed'],
  ['the page is not https', device({ verification_uri: 'http://127.0.0.1/go' }), 'login_failed'],
  ['the page is a script', device({ verification_uri_complete: 'javascript:alert(1)' }), 'login_failed'],
  [
    'the issuer redirects',
    () => {
      issuer.answers['GET /.well-known/openid-configuration'] = { status: 302, type: 'text/plain', body: '' }
    },
    'login_failed',
  ],
  [
    'the authority does not take the token',
    () => {
      authority.answers['GET /v1/whoami'] = { status: 401, body: { code: 'unauthenticated' } }
    },
    'unauthenticated',
  ],
  [
    'nobody logs in here',
    () => {
      authority.answers['GET /v1/login'] = { body: { issuers: [] } }
    },
    'login_unavailable',
  ],
]

for (const [why, prepare, code] of FAILS)
  test(`no session is kept when ${why}`, async () => {
    prepare()
    const { exit, out, err } = await logIn()
    assert.equal(last(out).code, code, err)
    assert.equal(exit, 1)
    assert.ok(!existsSync(file()))
  })

test('an issuer that does not prove itself gets nothing, and it is said how to trust it', async () => {
  const { exit, out } = await lanyard(['login', '--json'], world())
  assert.equal(exit, 1)
  const { code, remedy } = last(out)
  assert.equal(code, 'server_untrusted')
  assert.match(remedy, /--ca-file/)
  assert.deepEqual(issuer.heard, [])
})

test('an issuer that is not https is not asked', async () => {
  for (const written of ['http://127.0.0.1:9', 'no issuer at all']) {
    const client = { id: '1', issuer: written, client_id: 'cli', scopes: [], audience: 'a' }
    authority.answers['GET /v1/login'] = { body: { issuers: [client] } }
    assert.equal(last((await logIn()).out).code, 'login_failed')
  }
})

test('a key in the environment goes before the session, and that is said', async () => {
  const { err } = await logIn({ env: { LANYARD_API_KEY: 'key-of-env' } })
  assert.match(err, /LANYARD_API_KEY is set, and goes before/)
})

test('whoever has no role yet is logged in all the same', async () => {
  authority.answers['GET /v1/whoami'] = { status: 403, body: { code: 'principal_unbound', detail: 'user ada' } }
  const { exit, out } = await logIn()
  assert.equal(exit, 1)
  assert.equal(last(out).code, 'principal_unbound')
  assert.ok(existsSync(file()))
})

test('of several issuers one is to be named', async () => {
  const one = { id: '1'.repeat(32), issuer: issuer.url, client_id: 'cli', scopes: [], audience: 'a' }
  authority.answers['GET /v1/login'] = { body: { issuers: [{ ...one, id: '2', issuer: 'https://b.example' }, one] } }
  const unnamed = await logIn()
  assert.equal(unnamed.exit, 2)
  assert.match(unnamed.err, /--issuer is missing: expected one of https:\/\/b\.example, https:\/\/127/)
  assert.equal((await logIn({}, '--issuer', 'https://c.example')).exit, 2)
  assert.equal((await logIn({}, '--issuer', issuer.url)).exit, 0)
})

test('whoever gives up does not wait for the next question', async () => {
  const stop = new AbortController()
  issuer.answers['POST /device'] = json({ ...DEVICE(), interval: 600 })
  const { exit, out } = await logIn({ stop: stop.signal, onOut: () => stop.abort() })
  assert.equal(exit, 1)
  assert.equal(last(out).code, 'login_failed')
  assert.ok(!existsSync(file()))
})

test('logging out removes the session, here and at the issuer', async () => {
  await logIn()
  const ran = await lanyard(['logout', '--json'], world())
  assert.deepEqual(last(ran.out), { logged_out: true, revoked: true })
  assert.ok(!existsSync(file()))
  assert.equal(form(issuer.heard.at(-1)!).token, 'refresh-1')
  assert.equal((await lanyard(['tenant', 'list'], world())).exit, 2)
  assert.deepEqual(last((await lanyard(['logout', '--json'], world())).out), { logged_out: false, revoked: false })
})

test('an issuer that is away keeps nobody from logging out', async () => {
  await logIn()
  issuer.answers['POST /revoke'] = json({ error: 'server_error' }, 503)
  const { exit, out, err } = await lanyard(['logout', '--json'], world())
  assert.equal(exit, 0)
  assert.deepEqual(last(out), { logged_out: true, revoked: false })
  assert.match(err, /the issuer was not told/)
  assert.ok(!existsSync(file()))
})
