import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { lanyard, type World } from '../testing/fake-io.ts'
import { TestCa } from '../testing/test-ca.ts'

const home = mkdtempSync(join(tmpdir(), 'lanyard-client-'))
let authority: FakeAuthority
const WHOAMI = { kind: 'api-key', id: 'k1', name: 'n', role: 'admin', permissions: [], tenant: null, agent: null }

before(async () => {
  authority = await FakeAuthority.start()
  authority.answers['GET /v1/whoami'] = { body: { ...WHOAMI, spiffe_id: null, expires_at: '2027-01-01T00:00:00Z' } }
  authority.answers['GET /v1/bundle'] = { body: { keys: [], spiffe_sequence: 7 } }
})
after(() => {
  authority.stop()
  rmSync(home, { recursive: true })
})

async function whoami(world: World, ...args: string[]) {
  authority.heard.length = 0
  const ran = await lanyard(['whoami', '--json', ...args], world)
  return { ...ran, reply: ran.out === '' ? null : JSON.parse(ran.out) }
}

/** Every secret that was sent anywhere. */
const secretsHeard = () => authority.heard.flatMap(({ authorization }) => authorization ?? [])

test('a fingerprint is enough: the root is fetched without a credential, then the call is made with one', async () => {
  const { exit, reply } = await whoami({ env: authority.env() })
  assert.equal(exit, 0)
  assert.deepEqual(reply, { ...WHOAMI, spiffe_id: null, expires_at: '2027-01-01T00:00:00Z' })
  assert.deepEqual(
    authority.heard.map(({ method, path, authorization }) => [method, path, authorization]),
    [
      ['GET', '/v1/root.pem', undefined],
      ['GET', '/v1/whoami', 'Bearer key-of-env'],
    ],
  )
})

test('a fingerprint may be written as OpenSSL prints it', async () => {
  const written = authority.ca.rootSha256.toUpperCase().replace(/..(?!$)/g, '$&:')
  assert.equal((await whoami({ env: authority.env({ LANYARD_ROOT_SHA256: written }) })).exit, 0)
})

test('a server with another root gets no secret', async () => {
  const { exit, reply } = await whoami({ env: authority.env({ LANYARD_ROOT_SHA256: 'a'.repeat(64) }) })
  assert.equal(exit, 1)
  assert.equal(reply.code, 'fingerprint_mismatch')
  assert.ok(reply.detail.includes(authority.ca.rootSha256), 'tells what came')
  assert.deepEqual(secretsHeard(), [])
})

test('a server that shows the right root but does not stand under it gets no secret', async () => {
  // Somebody in between: the public root of the real authority, and a key of their own.
  const real = new TestCa()
  authority.answers['GET /v1/root.pem'] = { type: 'application/x-pem-file', body: real.rootPem }
  const { exit, reply } = await whoami({ env: authority.env({ LANYARD_ROOT_SHA256: real.rootSha256 }) })
  authority.answers['GET /v1/root.pem'] = { type: 'application/x-pem-file', body: authority.ca.rootPem }
  assert.equal(exit, 1)
  assert.equal(reply.code, 'server_untrusted')
  assert.deepEqual(secretsHeard(), [])
})

test('a server under the right root with another name gets no secret', async t => {
  const other = await FakeAuthority.start({ dns: ['other.example'] })
  t.after(() => other.stop())
  const { exit, out } = await lanyard(['whoami', '--json'], { env: other.env() })
  assert.equal(exit, 1)
  assert.equal(JSON.parse(out).code, 'server_untrusted')
  assert.deepEqual(
    other.heard.map(({ path }) => path),
    ['/v1/root.pem'],
  )
})

test('bootstrap keeps a root and a key, 0600; then nothing else is needed', async () => {
  const keyFile = join(home, 'admin.key')
  writeFileSync(keyFile, 'key-of-profile\n')
  authority.heard.length = 0
  const made = await lanyard(
    [
      'bootstrap',
      '--url',
      authority.url,
      '--fingerprint',
      authority.ca.rootSha256,
      '--api-key-file',
      keyFile,
      '--json',
    ],
    { home },
  )
  assert.equal(made.exit, 0, made.err)
  assert.deepEqual(secretsHeard(), [], 'bootstrapping sends no secret')
  const { profile_file: file } = JSON.parse(made.out)
  assert.equal(file, join(home, '.config/lanyard/profiles/default.json'))
  assert.equal(statSync(file).mode & 0o777, 0o600)

  const { exit } = await whoami({ home })
  assert.equal(exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer key-of-profile'])
  assert.equal(authority.heard.length, 1, 'the root is not fetched again')
  await whoami({ home, env: { LANYARD_API_KEY: 'key-of-env' } })
  assert.deepEqual(secretsHeard(), ['Bearer key-of-env'])
})

test('a profile that is named on the command line wins over the environment by what it keeps', async () => {
  const env = { LANYARD_API_KEY: 'key-of-env', LANYARD_URL: 'https://127.0.0.1:1', LANYARD_ROOT_SHA256: 'a'.repeat(64) }
  assert.equal((await whoami({ home, env }, '--profile', 'default')).exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer key-of-profile'])

  const made = ['bootstrap', '--profile', 'keyless', '--url', authority.url, '--fingerprint', authority.ca.rootSha256]
  assert.equal((await lanyard(made, { home })).exit, 0)
  assert.equal((await whoami({ home, env }, '--profile', 'keyless')).exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer key-of-env'], 'it keeps none')
})

test('a credential that does not count is named, with and without --json', async t => {
  const good = authority.answers['GET /v1/whoami']!
  t.after(() => {
    authority.answers['GET /v1/whoami'] = good
  })
  authority.answers['GET /v1/whoami'] = { status: 401, body: { code: 'unauthenticated', title: 'Who are you?' } }
  const { exit, reply, err } = await whoami({ env: authority.env() })
  assert.equal(exit, 1)
  assert.equal(reply.credential_from, 'LANYARD_API_KEY')
  assert.match(err, /used LANYARD_API_KEY/)
})

test('without a credential it says so, and it is no misuse of words', async () => {
  const { LANYARD_API_KEY: _key, ...env } = authority.env()
  const { exit, reply } = await whoami({ env })
  assert.deepEqual([exit, reply.code], [2, 'credential_missing'])
})

test('the key of a profile goes to no other authority', async t => {
  const other = await FakeAuthority.start()
  t.after(() => other.stop())
  for (const env of [
    { LANYARD_URL: other.url, LANYARD_ROOT_SHA256: other.ca.rootSha256 },
    { LANYARD_URL: other.url },
    { LANYARD_ROOT_SHA256: other.ca.rootSha256, LANYARD_URL: other.url, LANYARD_PROFILE: 'default' },
  ]) {
    const { exit } = await whoami({ home, env })
    assert.notEqual(exit, 0)
    assert.deepEqual(
      other.heard.flatMap(({ authorization }) => authorization ?? []),
      [],
    )
  }
})

test('a profile that others can read is refused', async () => {
  const file = join(home, '.config/lanyard/profiles/default.json')
  chmodSync(file, 0o644)
  const { exit, reply } = await whoami({ home })
  chmodSync(file, 0o600)
  assert.equal(exit, 1)
  assert.equal(reply.code, 'permissions_too_wide')
})

test('profiles have names, and XDG_CONFIG_HOME says where they lie', async () => {
  const base = mkdtempSync(join(home, 'xdg-'))
  const world = { home: '/nowhere', env: { XDG_CONFIG_HOME: base } }
  const args = ['--url', authority.url, '--fingerprint', authority.ca.rootSha256, '--profile', 'prod']
  assert.equal((await lanyard(['bootstrap', ...args], world)).exit, 0)
  const kept = JSON.parse(readFileSync(join(base, 'lanyard/profiles/prod.json'), 'utf8'))
  assert.equal(kept.api_key, undefined)
  const env = { ...world.env, LANYARD_PROFILE: 'prod', LANYARD_TOKEN: 'agent-token' }
  assert.equal((await whoami({ home: '/nowhere', env })).exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer agent-token'])
})

test('a root file and a key file do without a fingerprint', async () => {
  const root = join(home, 'root.pem')
  const key = join(home, 'some.key')
  writeFileSync(root, authority.ca.rootPem)
  writeFileSync(key, 'key-of-file\n')
  const { exit } = await whoami({}, '--url', authority.url, '--root-file', root, '--api-key-file', key)
  assert.equal(exit, 0)
  assert.deepEqual(secretsHeard(), ['Bearer key-of-file'])
})

test("a refusal is the server's problem document, and its request id is shown", async () => {
  const problem = {
    type: 'about:blank',
    title: 'This credential lacks a permission',
    status: 403,
    code: 'permission_missing',
    detail: 'expected tenant.manage',
    remedy: 'Use another one.',
    request_id: 'r-1',
    permission: 'tenant.manage',
  }
  authority.answers['POST /v1/tenants'] = { status: 403, body: problem }
  const { exit, out, err } = await lanyard(['tenant', 'create', 'acme', '--json'], { env: authority.env() })
  assert.equal(exit, 1)
  assert.deepEqual(JSON.parse(out), problem)
  for (const part of ['permission_missing', 'expected tenant.manage', 'do Use another one.', 'request r-1'])
    assert.ok(err.includes(part), part)
})

test('an expired token shows how far the clocks are apart', async () => {
  const now = Date.parse('2026-11-21T06:03:00Z')
  const body = { code: 'token_expired', detail: 'ended', server_time: '2026-11-21T06:00:00Z', skew_sec: 12 }
  authority.answers['GET /v1/tenants'] = { status: 401, body }
  const { err } = await lanyard(['tenant', 'list'], { env: authority.env(), now: () => now })
  assert.match(err, /clocks server 2026-11-21T06:00:00Z; the clock here is 3 min ahead/)
  assert.match(err, /missed ended 12 s before/)
})

const ANSWERS: readonly (readonly [why: string, answer: object, exit: number, code: string])[] = [
  ['no problem document', { status: 500, type: 'text/html', body: '<html>' }, 3, 'server_unreachable'],
  ['JSON that is none', { status: 200, body: '{"items":' }, 3, 'server_unreachable'],
  ['a redirect', { status: 302, type: 'text/plain', body: '' }, 3, 'server_unreachable'],
  ['too many requests', { status: 429, body: { code: 'rate_limited', retry_after_sec: 9 } }, 3, 'rate_limited'],
  ['not ready', { status: 503, body: { code: 'not_ready' } }, 3, 'not_ready'],
  ['a code that is not known here', { status: 409, body: { code: 'of_tomorrow' } }, 1, 'of_tomorrow'],
]

for (const [why, answer, exit, code] of ANSWERS)
  test(`an answer with ${why} ends with ${exit} and ${code}`, async () => {
    authority.answers['GET /v1/agents'] = answer
    const ran = await lanyard(['agent', 'list', '--json'], { env: authority.env() })
    assert.equal(JSON.parse(ran.out).code, code)
    assert.equal(ran.exit, exit)
  })

test('names in a path cannot reach another path', async () => {
  authority.heard.length = 0
  await lanyard(['agent', 'show', '../../tenants', 'a/b?c'], { env: authority.env() })
  assert.equal(authority.heard.at(-1)?.path, '/v1/agents/..%2F..%2Ftenants/a%2Fb%3Fc')
})

test('what others wrote cannot steer the terminal', async () => {
  const agent = { tenant: 'acme', agent: 'planner', tier: 'silver', lifecycle: 'active', spiffe_id: '\x1b]0;pwned\x07' }
  authority.answers['GET /v1/agents'] = { body: { items: [agent], next_cursor: '\x1b[2J' } }
  const { out } = await lanyard(['agent', 'list', '--no-color'], { env: authority.env(), terminal: true })
  assert.ok(!out.includes('\x1b'))
  assert.match(out, /\\u001b]0;pwned\\u0007/)
})
