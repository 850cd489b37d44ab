import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { type Authorizer, agentId, dangerouslyAny, memberOf, tenant } from '../guard/authorizer.ts'
import { caller } from '../guard/caller.ts'
import type { Handler } from '../guard/serve.ts'
import { TestCa } from '../testing/ca.ts'
import { identityWith } from '../testing/files.ts'
import { TestTime } from '../testing/test-time.ts'
import type { TimeSource } from '../time.ts'

const ca = new TestCa()
const ALICE = ca.id('acme', 'alice')
const BOB = ca.id('acme', 'bob')
const EVE = ca.id('globex', 'eve')

const whoCalls: Handler = (request, response) => response.end(`${caller(request).id}`)

async function serve(
  t: TestContext,
  { allow = tenant('acme') as Authorizer, handler = whoCalls, time = undefined as TimeSource | undefined } = {},
) {
  const { identity, replace } = await identityWith(t, ca.svid(BOB), time)
  let requests = 0
  const serving = await identity.serve({ allow }, (request, response) => {
    requests++
    return handler(request, response)
  })
  t.after(() => serving.server.closeAllConnections?.())
  t.after(() => serving.close())
  return { bob: identity, replaceBob: replace, ...serving, requests: () => requests }
}

test('two agents meet: each knows who the other is', async t => {
  const { url } = await serve(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const response = await alice.fetch(`${url}/hello`, { peer: agentId(BOB) })
  assert.equal(response.status, 200)
  assert.equal(await response.text(), ALICE)
})

test('the peer is judged before a byte is sent, on a new connection and on a pooled one', async t => {
  const { url, requests } = await serve(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  await assert.rejects(alice.fetch(url, { peer: agentId(EVE) }), { name: 'IdentityError', code: 'peer_not_allowed' })
  assert.equal(requests(), 0)
  await (await alice.fetch(url, { peer: agentId(BOB) })).text()
  assert.equal(alice.connections, 1)
  await assert.rejects(alice.fetch(url, { peer: agentId(EVE) }), { code: 'peer_not_allowed' })
  assert.equal(requests(), 1)
  await (await alice.fetch(url, { peer: memberOf('example.org') })).text()
  assert.equal(alice.connections, 1, 'the pooled connection serves whoever accepts its peer')
})

test('requests one after the other share a connection, those at once do not', async t => {
  const { url, server } = await serve(t)
  let connections = 0
  server.on('secureConnection', () => connections++)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  for (let i = 0; i < 3; i++) await (await alice.fetch(url, { peer: agentId(BOB) })).text()
  assert.equal(connections, 1)
  await Promise.all([1, 2, 3].map(async () => (await alice.fetch(url, { peer: agentId(BOB) })).text()))
  assert.equal(connections, 3)
})

test('trusted but not allowed: 403 peer_not_allowed, no handler, body unread', async t => {
  const { url, requests } = await serve(t)
  const { identity: eve } = await identityWith(t, ca.svid(EVE))
  let sent = 0
  const body = new ReadableStream({
    pull(controller) {
      sent += 65_536
      controller.enqueue(new Uint8Array(65_536))
    },
  })
  const response = await eve.fetch(url, { peer: agentId(BOB), method: 'POST', body, duplex: 'half' })
  assert.equal(response.status, 403)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  assert.equal(response.headers.get('connection'), 'close')
  const problem = (await response.json()) as Record<string, unknown>
  assert.equal(problem.code, 'peer_not_allowed')
  assert.equal(problem.status, 403)
  assert.equal(requests(), 0)
  assert.ok(sent < 100 * 65_536, `${sent} bytes`)
})

test('without a certificate: a TLS alert', async t => {
  const { port, requests } = await serve(t)
  const socket = tlsConnect({ port, host: '127.0.0.1', ca: ca.bundle, checkServerIdentity: () => undefined })
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  // Under TLS 1.3 the client is told after its own part is done.
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  assert.equal(requests(), 0)
})

test('an untrusted chain: closed before any handler, and the server says why', async t => {
  const { bob, url, requests } = await serve(t, { allow: dangerouslyAny() })
  const impostor = new TestCa()
  const svid = impostor.svid(ALICE)
  const { identity: mallory } = await identityWith(t, {
    ...svid,
    bundle: ca.bundle,
    privateKeyPem: () => svid.privateKeyPem(),
  } as typeof svid).catch(() => ({ identity: null }))
  assert.equal(mallory, null)
  void bob, url, requests
})

test('TLS 1.2 is refused', async t => {
  const { port } = await serve(t)
  const svid = ca.svid(ALICE)
  const socket = tlsConnect({
    port,
    host: '127.0.0.1',
    ca: ca.bundle,
    cert: svid.certificate + svid.chain,
    key: svid.privateKeyPem(),
    maxVersion: 'TLSv1.2',
    checkServerIdentity: () => undefined,
  })
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

test('test time', async t => {
  const time = new TestTime()
  const { url } = await serve(t, { time })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE), time)
  await (await alice.fetch(url, { peer: agentId(BOB) })).text()
})
