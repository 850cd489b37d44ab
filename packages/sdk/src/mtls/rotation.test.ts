import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { agentId } from '../guard/authorizer.ts'
import { caller } from '../guard/caller.ts'
import { identityWith } from '../testing/files.ts'
import { ALICE, BOB, bobServes, ca, rawClient } from '../testing/pair.ts'
import { TestTime } from '../testing/test-time.ts'

const toBob = { peer: agentId(BOB) }

test('a renewal on either side leaves an open stream alone, and new requests use the new certificates', async t => {
  const bob = await bobServes(t, {
    handler: (request, response) => {
      if (request.url === '/stream') response.write('1')
      else response.end(caller(request).serial)
      if (request.url === '/stream') bob.server.once('go on', () => response.end('2'))
    },
  })
  const first = ca.svid(ALICE)
  const { identity: alice, replace: renewAlice } = await identityWith(t, first)
  const serials: string[] = []
  bob.server.on('secureConnection', () => serials.push(bob.identity.svid.serial))
  const stream = await alice.fetch(`${bob.url}/stream`, toBob)
  const reader = stream.body!.getReader()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), '1')
  assert.equal(await (await alice.fetch(bob.url, toBob)).text(), first.serial)

  const [newAlice, newBob] = [ca.svid(ALICE), ca.svid(BOB)]
  await renewAlice(newAlice)
  await bob.replace(newBob)
  assert.equal(await (await alice.fetch(bob.url, toBob)).text(), newAlice.serial)
  assert.equal(serials.at(-1), newBob.serial)

  bob.server.emit('go on')
  assert.equal(Buffer.from((await reader.read()).value!).toString(), '2')
  assert.equal((await reader.read()).done, true)
  assert.equal(bob.seen.connections, 3)
})

test('a new connection gets the new certificate of the server, an old one keeps the old', async t => {
  const { port, replace, identity } = await bobServes(t)
  const serialSeen = async (socket: TLSSocket) => {
    await once(socket, 'secureConnect')
    return socket.getPeerCertificate().serialNumber.toLowerCase()
  }
  const before = rawClient(port, ca.svid(ALICE))
  const old = identity.svid.serial
  assert.equal(await serialSeen(before), old)
  await replace(ca.svid(BOB))
  const after = rawClient(port, ca.svid(ALICE))
  assert.equal(await serialSeen(after), identity.svid.serial)
  before.write('GET / HTTP/1.1\r\nhost: bob\r\n\r\n')
  assert.match(`${await once(before, 'data')}`, /200 OK/)
  before.destroy()
  after.destroy()
})

test('a closed server is renewed no more', async t => {
  const { server, close, replace, identity } = await bobServes(t)
  await close()
  let renewed = 0
  server.setSecureContext = () => renewed++
  await replace(ca.svid(BOB))
  assert.equal(renewed, 0)
  assert.ok(identity.svid)
})

test('a request after sleep waits for the renewal, and is not sent with a certificate that has ended', async t => {
  const time = new TestTime()
  const end = Math.floor(time.now() / 1000) + 60
  const { url } = await bobServes(t, { time })
  const { identity: alice, folder } = await identityWith(t, ca.svid(ALICE, { notAfter: end }), time)
  time.jump(120_000)
  // Files are the simplest source: asked for a renewal, it reads them again.
  const { writeSvid } = await import('../testing/files.ts')
  await writeSvid(folder, ca.svid(ALICE))
  assert.equal(await (await alice.fetch(url, toBob)).text(), ALICE)
  time.jump(600_000)
  await assert.rejects(alice.fetch(url, toBob), { code: 'identity_expired' })
})
