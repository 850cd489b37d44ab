import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as netConnect } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { encodePem } from '@lanyard/protocol'
import { generateKeyNow } from '@lanyard/protocol/node'
import { costlyChain, selfSigned } from '../testing/foreign-certificates.ts'
import { type HttpHarness, openHttp, pemOf } from '../testing/http.ts'
import { connectRaw, isWhole, lastReply } from '../testing/raw.ts'

let server: HttpHarness

const start = async (limits: Parameters<typeof openHttp>[0]) => {
  server = await openHttp(limits)
  return server
}
const health = async () => (await server.call('GET /healthz')).status

afterEach(() => server.close())

/** Sends bytes over plain TCP, gives what came back until the other side closed. */
async function plain(bytes: string | Uint8Array): Promise<Buffer> {
  const socket = netConnect(server.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return Buffer.concat(chunks)
}

describe('what is no TLS 1.3', () => {
  beforeEach(() => start({ limits: { handshake_timeout_ms: 1000 } }))

  const GARBAGE: readonly [why: string, bytes: string | Uint8Array][] = [
    ['plain HTTP', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['plain HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['zeros', new Uint8Array(4096)],
    ['random bytes', randomBytes(4096)],
    ['a record longer than records may be', Buffer.from('160303ffff', 'hex')],
    ['a hello that claims 16 MB', Buffer.concat([Buffer.from('160301400001ffffff', 'hex'), randomBytes(16_380)])],
    ['an alert', Buffer.from('15030300020228', 'hex')],
    ['half a record and silence', Buffer.from('1603010200', 'hex')],
    ['silence', ''],
  ]
  for (const [why, bytes] of GARBAGE) {
    test(why, async () => {
      const answer = await plain(bytes)
      assert.doesNotMatch(answer.toString('latin1'), /HTTP\/1/)
      assert.equal(await health(), 200)
    })
  }

  test('TLS 1.2 is refused in the handshake', async () => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', maxVersion: 'TLSv1.2', ca: server.rootPem })
    const [error] = await once(socket, 'error')
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  test('a protocol that we do not speak is refused in the handshake', async () => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', ALPNProtocols: ['smtp'], ca: server.rootPem })
    const [error] = await once(socket, 'error')
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  })

  test('who breaks off in the handshake harms nobody', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = netConnect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(Buffer.from('1603010200', 'hex'))
      socket.resetAndDestroy()
    }
    assert.equal(await health(), 200)
  })
})

/** A handshake that says hello like everyone and then sends a certificate's worth of rubbish. */
async function breakOff(): Promise<void> {
  const upstream = netConnect(server.port, '127.0.0.1')
  const proxy = createServer(client => {
    client.on('error', () => {})
    client.once('data', hello => upstream.write(hello))
    upstream.once('data', () => upstream.write(Buffer.concat([Buffer.from('1703031200', 'hex'), randomBytes(0x1200)])))
    upstream.once('close', () => client.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  upstream.on('error', () => {})
  const client = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  client.on('error', () => {})
  await once(upstream, 'close')
  client.destroy()
  proxy.close()
}

describe('handshakes that fail late', () => {
  beforeEach(() => start({}))

  test('who sends as much as a costly chain has waits outside after the third', async () => {
    for (let i = 0; i < 3; i++) await breakOff()
    await assert.rejects(health)
  })

  test('who only mistakes the protocol does not', async () => {
    for (let i = 0; i < 4; i++) await plain(`POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n${'x'.repeat(9999)}`)
    assert.equal(await health(), 200)
  })
})

describe('the handshake', () => {
  beforeEach(() => start({}))

  test('agrees on a post-quantum key exchange with those that know it', async () => {
    const { socket } = await connectRaw(server.port, server.rootPem)
    const { name } = socket.getEphemeralKeyInfo() as { name: string }
    socket.destroy()
    assert.equal(name, 'X25519MLKEM768')
  })

  test('resumes no session', async () => {
    const first = await connectRaw(server.port, server.rootPem)
    const session = new Promise<Buffer>(resolve => first.socket.once('session', resolve))
    first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    await first.until(isWhole)
    const ticket = await session
    first.socket.destroy()
    const second = await connectRaw(server.port, server.rootPem, { session: ticket })
    assert.equal(second.socket.isSessionReused(), false)
    second.socket.destroy()
  })

  test('uses a new certificate for new connections, and open ones go on', async () => {
    const old = await connectRaw(server.port, server.rootPem)
    const before = old.socket.getPeerX509Certificate()!.serialNumber
    server.clock.advance(13 * 3600)
    await server.pipeline.authorities.rotate()
    server.http.setTls(server.pipeline.authorities.serverTls())
    const fresh = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(fresh, 'secureConnect')
    assert.notEqual(fresh.getPeerX509Certificate()!.serialNumber, before)
    fresh.destroy()
    old.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(lastReply(await old.until(isWhole)).status, 200)
    old.socket.destroy()
  })
})

describe('client certificates that are not ours', () => {
  beforeEach(() => start({}))
  const whoami = (tls: { key: string; cert: string }) => server.call('GET /v1/whoami', { tls })

  test('self-signed, with the name of an agent of ours', async () => {
    await server.agent({ tenant: 'acme', agent: 'a1' })
    const { body, status } = await whoami(await selfSigned('spiffe://example.test/tenant/acme/agent/a1'))
    assert.deepEqual([status, body.code], [401, 'certificate_untrusted'])
  })

  test('of another trust domain', async () => {
    const { body } = await whoami(await selfSigned('spiffe://elsewhere.test/tenant/acme/agent/a1'))
    assert.equal(body.code, 'certificate_untrusted')
  })

  test('without a name', async () => {
    assert.equal((await whoami(await selfSigned(null))).body.code, 'certificate_untrusted')
  })

  test('what OpenSSL reads and strict DER refuses', async () => {
    const key = generateKeyNow('P-256')
    const der = await selfSignedDer(key)
    // The outer length in its long form, one octet more than needed: BER, which is another encoding of the same value.
    const loose = Buffer.concat([Buffer.from([0x30, 0x83, 0x00]), der.subarray(2)])
    const outcome = await whoami({ key: pemOf(key), cert: encodePem('CERTIFICATE', loose) }).catch(() => null)
    assert.ok(outcome === null || outcome.body.code === 'certificate_untrusted')
  })

  test('ours, without its intermediate', async () => {
    await server.agent({ tenant: 'acme', agent: 'a1' })
    const { key, cert } = await server.certificate({ tenant: 'acme', agent: 'a1' })
    const leaf = `${cert.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n`
    assert.equal((await whoami({ key, cert: leaf })).body.code, 'certificate_untrusted')
  })

  test("an authority's own certificate is no credential", async () => {
    const { key, cert } = server.pipeline.authorities.serverTls()
    assert.equal((await whoami({ key, cert })).body.code, 'certificate_untrusted')
  })

  test('a chain of 50: cut off, and its sender waits outside after the third', async () => {
    const chain = costlyChain(50)
    for (let i = 0; i < 3; i++) await assert.rejects(whoami(chain))
    await assert.rejects(server.call('GET /healthz'))
  })

  test('the same by someone who does not wait for the answer', async () => {
    const chain = costlyChain(50)
    for (let i = 0; i < 3; i++) {
      const socket = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false, ...chain })
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      socket.end()
      socket.resume()
      await new Promise(resolve => socket.once('close', resolve))
    }
    await assert.rejects(health)
  })

  test('a key that makes verification dear: cut off', async () => {
    await assert.rejects(whoami(costlyChain(2)))
    assert.equal(await health(), 200)
  })
})

async function selfSignedDer(key: ReturnType<typeof generateKeyNow>): Promise<Buffer> {
  const { cert } = await selfSigned('spiffe://example.test/x', key)
  return Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64')
}
