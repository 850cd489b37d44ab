import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard, type World } from '../../testing/fake-io.ts'

const SECRET = `lanyard-secret_${'0a'.repeat(6)}_${'1b'.repeat(32)}_2c2c2c2c`
const SHOWN = {
  ...{ id: '0a'.repeat(6), tenant: 'acme', agent: 'planner', incarnation: 1, secret: SECRET },
  ...{ created_at: '2026-11-21T06:00:00Z', created_by: 'api-key:k' },
}
const ADMISSION = {
  ...{ tenant: 'acme', on_federation: 'drain', agent_mtls_required: true, agent_mtls_ca: null },
  ...{ federation_required: false, internal_lineages: 2 },
}
const folder = mkdtempSync(join(tmpdir(), 'lanyard-secret-'))
const old = join(folder, 'old.secret')
let authority: FakeAuthority

before(async () => {
  authority = await FakeAuthority.start()
  const path = '/v1/agents/acme/planner'
  authority.answers[`POST ${path}/secret`] = { status: 201, body: SHOWN }
  authority.answers[`POST ${path}/rotate-secret`] = { body: SHOWN }
  authority.answers[`POST ${path}/revoke-secret`] = { body: { secrets: 1, lineages: 2, revoked: ['0'.repeat(32)] } }
  authority.answers['POST /v1/agent/session'] = {
    body: { token: 'the-token', token_type: 'Bearer', expires_in: 900, spiffe_id: 'spiffe://example.test/a' },
  }
  authority.answers['PATCH /v1/tenants/acme/admission'] = { body: ADMISSION }
  authority.answers['GET /v1/tenants/acme/admission'] = { body: ADMISSION }
  writeFileSync(old, `${SECRET.replace('1b', '3d')}\n`)
})
beforeEach(() => {
  authority.heard.length = 0
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const type = (line: string, { env = {}, ...world }: World = {}) =>
  lanyard(line.split(' '), { cwd: folder, ...world, env: { ...authority.env(), ...env } })
const heard = () => authority.heard.at(-1)!

test('a new secret stands alone on standard output', async () => {
  const { exit, out, err } = await type('agent secret create acme planner')
  assert.deepEqual([exit, out], [0, `${SECRET}\n`])
  assert.ok(!err.includes(SECRET))
  assert.equal(heard().authorization, 'Bearer key-of-env')
})

test('a new secret for a file stands nowhere else', async () => {
  const { exit, out, err } = await type('agent secret create acme planner --out new.secret --json')
  const file = join(folder, 'new.secret')
  assert.equal(exit, 0)
  assert.ok(!`${out}${err}`.includes(SECRET))
  assert.equal(JSON.parse(out).secret_file, file)
  assert.equal(readFileSync(file, 'utf8'), `${SECRET}\n`)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

// The old one is dead, and nobody shows the new one again.
test('a secret that cannot be written is shown, and that is told', async () => {
  writeFileSync(join(folder, 'file'), '')
  const { exit, out } = await type(`agent secret rotate acme planner --secret-file ${old} --out file/below`)
  assert.equal(exit, 1)
  assert.equal(out, `${SECRET}\n`)
})

test('a secret is shown to the authority as itself, from where it is named', async () => {
  const shown = `Lanyard-Secret ${SECRET.replace('1b', '3d')}`
  for (const [line, env] of [
    [`--secret-file ${old}`, {}],
    ['--jkt x', { LANYARD_AGENT_SECRET_FILE: old }],
    ['--jkt x', { LANYARD_AGENT_SECRET: SECRET.replace('1b', '3d') }],
  ] as const) {
    const { exit, out } = await type(`agent session acme planner ${line}`, { env })
    assert.deepEqual([exit, out, heard().authorization], [0, 'the-token\n', shown])
  }
  assert.deepEqual(heard().body, { tenant: 'acme', agent: 'planner', jkt: 'x' })
})

test('without a secret, or with half a certificate, nothing is asked', async () => {
  assert.equal((await type('agent session acme planner')).exit, 2)
  assert.equal((await type(`agent session acme planner --secret-file ${old} --client-cert x.pem`)).exit, 2)
  assert.equal((await type(`cert request --out x --secret-file ${old}`)).exit, 2)
  assert.deepEqual(
    authority.heard.filter(({ path }) => path !== '/v1/root.pem'),
    [],
  )
})

test('a certificate and a key that are swapped are told by the names of their files', async () => {
  const [cert, key] = [join(folder, 'c.pem'), join(folder, 'k.pem')]
  const leaf = authority.ca.leaf()
  writeFileSync(cert, leaf.pem)
  writeFileSync(key, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
  const { exit, err } = await type(
    `agent session acme planner --secret-file ${old} --client-cert ${key} --client-key ${cert}`,
  )
  assert.equal(exit, 2)
  assert.match(err, /--client-cert: expected a certificate in PEM in .*k\.pem; are .* swapped\?/)
})

test('a revocation says why, and what it took', async () => {
  const { out } = await lanyard(['agent', 'secret', 'revoke', 'acme', 'planner', '--reason', 'in a paste'], {
    env: authority.env(),
  })
  assert.deepEqual(heard().body, { reason: 'in a paste' })
  assert.match(out, /revoked the secret of acme\/planner; sessions ended: 2, certificates revoked: 1/)
  assert.equal((await type('agent secret revoke acme planner')).exit, 2)
})

test('how a tenant admits is changed as given, and no more', async () => {
  const ca = join(folder, 'ca.pem')
  const pem = authority.ca.rootPem
  writeFileSync(ca, pem)
  for (const [given, sent] of [
    ['--mtls required', { agent_mtls_required: true }],
    ['--mtls optional', { agent_mtls_required: false }],
    ['--mtls default', { agent_mtls_required: null }],
    [`--mtls-ca ${ca}`, { agent_mtls_ca: pem }],
    ['--mtls-ca default --on-federation end', { agent_mtls_ca: null, on_federation: 'end' }],
  ] as const) {
    assert.equal((await type(`tenant admission set acme ${given}`)).exit, 0)
    assert.deepEqual(heard().body, sent)
  }
  assert.match((await type('tenant admission set acme --mtls required')).err, /names no authorities/)
  assert.equal((await type('tenant admission set acme')).exit, 2)
  writeFileSync(ca, 'no certificate')
  assert.match((await type(`tenant admission set acme --mtls-ca ${ca}`)).err, /expected certificates in PEM in /)
  writeFileSync(ca, authority.ca.leaf().pem)
  assert.match((await type(`tenant admission set acme --mtls-ca ${ca}`)).err, /got one of an agent or a server/)
  const { out } = await type('tenant admission show acme')
  for (const part of ['by the authority', 'go on: 2', 'with a client certificate', 'those of the server'])
    assert.ok(out.includes(part), part)
})
