import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { IdentityError } from '../errors.ts'
import { ALICE, BOB, ca } from '../testing/pair.ts'
import { clientContext, contextOptions } from './context.ts'
import { CONNECT_TIMEOUT_MS, handshake } from './handshake.ts'

const codes = { unreachable: 'peer_unreachable', untrusted: 'peer_untrusted', ended: 'peer_certificate_ended' } as const
const tls = { secureContext: clientContext(ca.svid(ALICE)), checkServerIdentity: () => undefined }

test('a process that stood still does not take that time for silence of the peer', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const server = createServer()
  const sockets: Socket[] = []
  server.on('connection', socket => sockets.push(socket))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const made = handshake({ host: '127.0.0.1', port, tls, judge: () => {}, codes })
  const failed = assert.rejects(made, { code: 'peer_unreachable' })
  const state = { settled: false }
  void failed.then(() => (state.settled = true))
  await once(server, 'connection')
  // Standing still: all that was due is called, and what that asks for has its time before it.
  t.mock.timers.tick(6 * CONNECT_TIMEOUT_MS)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(state.settled, false)
  for (let ms = 1_000; ms < CONNECT_TIMEOUT_MS; ms += 1_000) t.mock.timers.tick(1_000)
  await failed
})

test('a server whose certificate has ended is told of as that', async t => {
  const now = Math.floor(Date.now() / 1000)
  const bob = ca.svid(BOB, { notBefore: now - 600, notAfter: now - 60 })
  const server = createTlsServer(contextOptions(bob))
  t.after(() => server.close())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const judge = () => assert.fail('nobody is there to judge')
  await assert.rejects(handshake({ host: '127.0.0.1', port, tls, judge, codes }), (error: unknown) => {
    assert.ok(error instanceof IdentityError)
    assert.equal(error.code, 'peer_certificate_ended')
    return true
  })
})
