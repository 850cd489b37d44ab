import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { TestTime } from '../testing/test-time.ts'
import { systemTime } from '../time.ts'
import { Identity } from './identity.ts'
import type { TokenOptions } from './options.ts'

async function authorityFor(t: TestContext, names?: { dns: string[]; ip: Uint8Array[] }): Promise<FakeAuthority> {
  const authority = await FakeAuthority.start(systemTime, names)
  t.after(() => authority.stop())
  return authority
}

async function identityFrom(t: TestContext, options: TokenOptions): Promise<Identity> {
  const identity = await Identity.fromToken({ startTimeoutMs: 5_000, ...options })
  t.after(() => identity.close())
  return identity
}

const optionsFor = (authority: FakeAuthority): TokenOptions => ({
  url: authority.url,
  rootSha256: authority.ca.rootSha256,
  token: authority.mint(),
  keyType: 'P-256',
})

test('a server without the pinned root never sees the token', async t => {
  const authority = await authorityFor(t)
  const rootSha256 = authority.ca.rootSha256.replace(/^./, digit => (digit === '0' ? '1' : '0'))
  await assert.rejects(identityFrom(t, { ...optionsFor(authority), rootSha256 }), { code: 'fingerprint_mismatch' })
  assert.deepEqual(
    authority.seen.map(({ path, token }) => ({ path, token })),
    [{ path: '/v1/root.pem', token: null }],
  )
})

// Under the clock of a test our own validation judges alone; with the machine's clock Node's does too.
for (const time of [systemTime, new TestTime()])
  test(`a server that shows the root but has no certificate for its name never sees it (${time.constructor.name})`, async t => {
    const authority = await authorityFor(t, { dns: ['authority.example'], ip: [Uint8Array.of(127, 0, 0, 2)] })
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `https://${host}:${authority.port}`
      await assert.rejects(identityFrom(t, { ...optionsFor(authority), url, time }), { code: 'authority_untrusted' })
    }
    assert.ok(authority.seen.every(({ token }) => token === null))
  })

test('the fingerprint may be written as OpenSSL does, and the host by name', async t => {
  const authority = await authorityFor(t)
  const rootSha256 = authority.ca.rootSha256.toUpperCase().replace(/..(?!$)/g, '$&:')
  const identity = await identityFrom(t, {
    ...optionsFor(authority),
    rootSha256,
    url: `https://localhost:${authority.port}/`,
  })
  assert.equal(identity.svid.tier, 'silver')
})

test('the key is RSA with 2048 bits unless it is told otherwise, so that every tenant takes it', async t => {
  const authority = await authorityFor(t)
  authority.keyPolicy = 'rsa-only'
  const { keyType: _, ...options } = optionsFor(authority)
  const identity = await identityFrom(t, options)
  assert.match(identity.svid.privateKeyPem(), /PRIVATE KEY/)
  await assert.rejects(identityFrom(t, { ...optionsFor(authority), keyType: 'P-256' }), { code: 'key_type_forbidden' })
})

test('a refused token: the code and the remedy of the authority', async t => {
  const authority = await authorityFor(t)
  const token = 'never-minted'
  const refused = identityFrom(t, { ...optionsFor(authority), token })
  await assert.rejects(refused, (error: Error & { code?: string; remedy?: string }) => {
    assert.equal(error.code, 'unauthenticated')
    assert.equal(error.remedy, 'Remedy for unauthenticated.')
    assert.ok(!error.message.includes(token))
    return true
  })
})

test('a token with the newline of its file is that token', async t => {
  const authority = await authorityFor(t)
  await identityFrom(t, { ...optionsFor(authority), token: `${authority.mint()}\n` })
  await identityFrom(t, { ...optionsFor(authority), token: async () => `${authority.mint()}\r\n` })
})

test('nobody there: it is tried until the time is over', async () => {
  const closed: Server = createServer()
  await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as { port: number }
  await new Promise(resolve => closed.close(resolve))
  const options = { url: `https://127.0.0.1:${port}`, rootSha256: 'a'.repeat(64), token: 't' }
  await assert.rejects(Identity.fromToken({ ...options, startTimeoutMs: 20 }), { code: 'authority_unreachable' })
  const reason = new Error('enough')
  await assert.rejects(Identity.fromToken({ ...options, signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const started = Identity.fromToken({ ...options, signal: controller.signal })
  setImmediate(() => controller.abort(reason))
  await assert.rejects(started, reason)
})

const GOOD = { url: 'https://localhost:1', rootSha256: 'a'.repeat(64), token: 't' }
const MISTAKES: readonly (readonly [string, object])[] = [
  ['plain HTTP, which would show the token to everyone', { url: 'http://localhost:1' }],
  ['no URL', { url: 'localhost' }],
  ['a password in the URL', { url: 'https://a:b@localhost:1' }],
  ['a short fingerprint', { rootSha256: 'ab' }],
  ['no fingerprint', { rootSha256: undefined }],
  ['a fingerprint that is no hex', { rootSha256: 'g'.repeat(64) }],
  ['an empty token', { token: '' }],
  ['no token', { token: undefined }],
  ['a token that would break out of its header', { token: 'a\r\nx-evil: 1' }],
  ['a key type by way of the prototype', { keyType: 'constructor' }],
  ['a key that is too small', { keyType: 'RSA-1024' }],
  ['a lifetime below a minute', { ttlSec: 59 }],
  ['a lifetime that is not whole', { ttlSec: 60.5 }],
  ['a negative patience', { startTimeoutMs: -1 }],
]

for (const [name, mistake] of MISTAKES)
  test(`refuses ${name}`, async () => {
    await assert.rejects(Identity.fromToken({ ...GOOD, ...mistake } as TokenOptions), { name: 'TypeError' })
  })
