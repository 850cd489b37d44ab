import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestCa } from '../testing/ca.ts'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { temporaryFolder, writeSvid } from '../testing/files.ts'
import { systemTime } from '../time.ts'
import { Identity } from './identity.ts'
import { optionsFrom } from './options.ts'

const SERVER = { LANYARD_URL: 'https://localhost:1', LANYARD_ROOT_SHA256: 'a'.repeat(64) }

test('a token from the environment', async t => {
  const authority = await FakeAuthority.start(systemTime)
  t.after(() => authority.stop())
  const identity = await Identity.fromEnvironment(
    {},
    {
      LANYARD_URL: authority.url,
      LANYARD_ROOT_SHA256: authority.ca.rootSha256,
      LANYARD_TOKEN: authority.mint(),
    },
  )
  assert.equal(`${identity.id}`, authority.ca.id('acme', 'a'))
  await identity.close()
})

test('a token from a file, which is read anew each time', async t => {
  const file = join(await temporaryFolder(t), 'token')
  const options = optionsFrom({ ...SERVER, LANYARD_TOKEN_FILE: file })
  assert.ok('token' in options && typeof options.token === 'function')
  for (const token of ['first', 'second']) {
    await writeFile(file, token)
    assert.equal(await options.token(), token)
  }
})

test('a file of tokens of a provider, which is read anew each time', async t => {
  const LANYARD_IDP_TOKEN_FILE = join(await temporaryFolder(t), 'token')
  const options = optionsFrom({ ...SERVER, LANYARD_TENANT: 'acme', LANYARD_IDP_TOKEN_FILE })
  assert.ok('idpToken' in options && typeof options.idpToken === 'function')
  assert.equal(options.tenant, 'acme')
  for (const token of ['first', 'second']) {
    await writeFile(LANYARD_IDP_TOKEN_FILE, token)
    assert.equal(await options.idpToken(), token)
  }
})

test('files from the environment', async t => {
  const folder = await temporaryFolder(t)
  const ca = new TestCa()
  await writeSvid(folder, ca.svid(ca.id('acme', 'a')))
  const identity = await Identity.fromEnvironment({}, { LANYARD_SVID_DIR: folder })
  assert.equal(`${identity.id}`, ca.id('acme', 'a'))
  await identity.close()
})

test('the Workload API from the environment, where nothing else is', () => {
  const SPIFFE_ENDPOINT_SOCKET = 'unix:///run/w.sock'
  const socket = SPIFFE_ENDPOINT_SOCKET
  assert.deepEqual(optionsFrom({ SPIFFE_ENDPOINT_SOCKET }), { socket })
  const { LANYARD_URL: authority } = SERVER
  assert.deepEqual(optionsFrom({ SPIFFE_ENDPOINT_SOCKET, ...SERVER }), { socket, authority })
  assert.ok('token' in optionsFrom({ SPIFFE_ENDPOINT_SOCKET, ...SERVER, LANYARD_TOKEN: 't' }))
  const provider = { LANYARD_TENANT: 'acme', LANYARD_IDP_TOKEN_FILE: '/t' }
  assert.ok('idpToken' in optionsFrom({ SPIFFE_ENDPOINT_SOCKET, ...SERVER, ...provider }))
})

const WRONG: readonly (readonly [string, NodeJS.ProcessEnv, RegExp])[] = [
  ['nothing', {}, /LANYARD_URL, LANYARD_ROOT_SHA256, LANYARD_TOKEN/],
  ['no token', SERVER, /expected LANYARD_TOKEN in/],
  ['an empty token', { ...SERVER, LANYARD_TOKEN: '' }, /expected LANYARD_TOKEN in/],
  ['no fingerprint', { LANYARD_URL: SERVER.LANYARD_URL, LANYARD_TOKEN: 't' }, /expected LANYARD_ROOT_SHA256 in/],
  ['two identities', { ...SERVER, LANYARD_TOKEN: 't', LANYARD_SVID_DIR: '/' }, /both/],
  ['files and a provider', { ...SERVER, LANYARD_IDP_TOKEN_FILE: '/t', LANYARD_SVID_DIR: '/' }, /both/],
  ['a token and a provider', { ...SERVER, LANYARD_TOKEN: 't', LANYARD_IDP_TOKEN_FILE: '/t' }, /both/],
  ['a provider of no tenant', { ...SERVER, LANYARD_IDP_TOKEN_FILE: '/t' }, /expected LANYARD_TENANT in/],
  ['a provider of no authority', { LANYARD_TENANT: 'a', LANYARD_IDP_TOKEN_FILE: '/t' }, /URL, LANYARD_ROOT_SHA256 in/],
  ['a folder without files', { LANYARD_SVID_DIR: '/nonexistent' }, /svid\.pem/],
]

for (const [name, environment, message] of WRONG)
  test(`refuses an environment with ${name}`, () => {
    assert.throws(() => optionsFrom(environment), { code: 'environment_missing', message })
  })
