import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard, type World } from '../../testing/fake-io.ts'

const ID = '0a1b2c3d4e5f60718293a4b5c6d7e8f9'
const IDP = {
  id: ID,
  tenant: 'acme',
  issuer: 'https://login.example.com',
  jwks_uri: null,
  audiences: ['lanyard'],
  algorithms: ['RS256'],
  claim_mapping: { agentId: 'sub' },
  required_claims: { owner: ['acme', 'globex'], verified: true },
  max_token_age_sec: 3600,
  tier: 'silver',
  enabled: true,
  allow_agent_federation: true,
  created_by: 'api-key:k1',
  updated_by: 'api-key:k1',
  created_at: '2026-11-21T06:00:00Z',
  updated_at: '2026-11-21T06:00:00Z',
}
const folder = mkdtempSync(join(tmpdir(), 'lanyard-idp-'))
let authority: FakeAuthority

before(async () => {
  authority = await FakeAuthority.start()
  authority.answers['POST /v1/tenants/acme/idps'] = { status: 201, body: IDP }
  authority.answers['GET /v1/tenants/acme/idps'] = { body: { items: [IDP], next_cursor: null } }
  authority.answers[`GET /v1/tenants/acme/idps/${ID}`] = { body: IDP }
  authority.answers[`PATCH /v1/tenants/acme/idps/${ID}`] = { body: IDP }
  authority.answers[`DELETE /v1/tenants/acme/idps/${ID}`] = { status: 204 }
})
beforeEach(() => {
  authority.heard.length = 0
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const type = (line: string, world: World = {}) =>
  lanyard(line.split(' '), { cwd: folder, ...world, env: authority.env() })
const heard = () => authority.heard.at(-1)!

test('what is given is what is sent, and no more', async () => {
  const { exit, err } = await type(
    'idp add acme --issuer https://login.example.com --audience lanyard --require owner=acme --require owner=globex ' +
      '--require verified:=true --require level:=3 --require !uid --require !/act/sub --require https://example.com/role=a=b --agent-claim /a/b ' +
      '--allow-agent-federation yes --jwks-uri none --algorithm ES256 --max-age 60 --tier gold',
  )
  assert.equal(exit, 0, err)
  assert.deepEqual(heard().body, {
    issuer: 'https://login.example.com',
    audiences: ['lanyard'],
    required_claims: {
      uid: null,
      '/act/sub': null,
      owner: ['acme', 'globex'],
      verified: true,
      level: 3,
      'https://example.com/role': 'a=b',
    },
    claim_mapping: { agentId: '/a/b' },
    allow_agent_federation: true,
    jwks_uri: null,
    algorithms: ['ES256'],
    max_token_age_sec: 60,
    tier: 'gold',
  })
})

test('a preset fills in what a product has, and what it requires stays required', async () => {
  const line = 'idp add acme --preset github-actions --param owner_id=9919 --audience lanyard --max-age 60'
  const { exit, err } = await type(`${line} --require environment=production`)
  assert.equal(exit, 0, err)
  assert.deepEqual(heard().body, {
    issuer: 'https://token.actions.githubusercontent.com',
    jwks_uri: null,
    audiences: ['lanyard'],
    algorithms: ['RS256'],
    claim_mapping: { agentId: 'sub' },
    required_claims: { repository_owner_id: '9919', environment: 'production' },
    max_token_age_sec: 60,
  })
  assert.match(err, /at the provider: The job needs/)
  const { out } = await type('idp presets')
  for (const part of ['okta', 'kubernetes', '--param owner_id=65', 'requires repository_owner_id', 'requires no uid'])
    assert.ok(out.includes(part), part)
})

test('a provider is shown with what it means for the authority', async () => {
  const { out } = await type('idp show acme https://login.example.com')
  assert.equal(heard().path, `/v1/tenants/acme/idps/${ID}`)
  for (const part of ['owner = "acme" or "globex"', 'verified = true', 'yes: the authority mints none for acme'])
    assert.ok(out.includes(part), part)
})

test('it is changed and removed by its id or its issuer', async () => {
  await type(`idp update acme ${ID} --enabled no`)
  assert.deepEqual([heard().method, heard().body], ['PATCH', { enabled: false }])
  assert.equal((await type('idp remove acme https://login.example.com')).exit, 0)
  assert.deepEqual([heard().method, heard().path], ['DELETE', `/v1/tenants/acme/idps/${ID}`])
  const { exit, out } = await type('idp remove acme https://login.example.com/ --json')
  assert.equal(exit, 1)
  assert.equal(JSON.parse(out).code, 'not_found')
  assert.equal(heard().method, 'GET', 'an issuer with another letter is another one')
})

const steps = (ok: boolean) => [
  { step: 'read', ok: true, detail: 'a JWT' },
  { step: 'signature', ok, detail: 'RS256 by key k1' },
]

test('a token is tried from a file or from standard input, and its verdict is the exit code', async () => {
  const call = `POST /v1/tenants/acme/idps/${ID}/test`
  writeFileSync(join(folder, 'agent.jwt'), 'e30.e30.c2ln\n')
  authority.answers[call] = { body: { accepted: true, agent: 'build-1', steps: steps(true) } }
  const good = await type(`idp test acme ${ID} --token-file ${join(folder, 'agent.jwt')}`)
  assert.equal(good.exit, 0, good.err)
  assert.deepEqual(heard().body, { token: 'e30.e30.c2ln' })
  assert.match(good.out, /✓ signature {2}RS256 by key k1\naccepted: agent build-1/)

  authority.answers[call] = { body: { accepted: false, agent: null, steps: steps(false) } }
  const bad = await type(`idp test acme ${ID}`, { stdin: 'e30.e30.b3Ro' })
  assert.equal(bad.exit, 1)
  assert.deepEqual(heard().body, { token: 'e30.e30.b3Ro' })
  assert.match(bad.out, /✖ signature/)
  for (const { out, err } of [good, bad]) assert.ok(!(out + err).includes('e30.'), 'the token is not shown')
})

const MISUSE: readonly (readonly [line: string, says: RegExp])[] = [
  ['idp add acme --issuer https://a.example', /--audience is missing/],
  ['idp add acme --audience x', /either --issuer or --preset/],
  ['idp add acme --preset okta --issuer https://a.example --audience x', /either --issuer or --preset/],
  ['idp add acme --issuer https://a.example --param domain=a --audience x', /--param goes with --preset/],
  ['idp add acme --preset okta --param domain=a.okta.com --audience x', /--param server=…: expected The id of/],
  ['idp add acme --preset okta --param domain=a/b --param server=x --audience x', /--param domain=…/],
  ['idp add acme --preset github-actions --param owner=x --audience x', /--param owner=…: expected one of owner_id/],
  ['idp add acme --preset github-actions --param owner_id=1 --param owner_id=2 --audience x', /is given twice/],
  ['idp add acme --preset github-actions --param owner_id=1', /--audience is missing/],
  ['idp add acme --preset gitlab --audience x', /--preset: expected okta/],
  ['idp add acme --issuer https://a.example --audience x --require owner', /--require: expected CLAIM=VALUE/],
  ['idp add acme --issuer https://a.example --audience x --require !', /--require: expected CLAIM=VALUE/],
  ['idp add acme --issuer https://a.example --audience x --require !a --require a=1', /is to have a value, and not to/],
  ['idp add acme --issuer https://a.example --audience x --require =x', /--require: expected CLAIM=VALUE/],
  ['idp add acme --issuer https://a.example --audience x --require a:=[1]', /--require: expected a number, true/],
  ['idp add acme --issuer https://a.example --audience x --require a:=nonsense', /--require: expected a number, true/],
  ['idp add acme --issuer https://a.example --audience x --algorithm HS256', /--algorithm: expected RS256/],
  ['idp add acme --issuer https://a.example --audience x --enabled maybe', /--enabled: expected yes, no/],
  [`idp update acme ${ID}`, /nothing to change/],
  [`idp test acme ${ID}`, /expected one token on standard input/],
]

for (const [line, says] of MISUSE)
  test(`misuse: lanyard ${line}`, async () => {
    const { exit, err } = await type(line)
    assert.equal(exit, 2, err)
    assert.match(err, says)
    assert.deepEqual(authority.heard, [])
  })
