import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { connectRaw } from '../testing/raw.ts'

describe('the certificate of the server', () => {
  let server: HttpHarness
  before(async () => {
    server = await openHttp()
  })
  after(() => server.close())

  // The clock of the test goes ahead of the one that Node judges by.
  const shown = async (servername: string) => {
    const { rootPem, port } = server
    const { socket } = await connectRaw(port, rootPem, { servername, rejectUnauthorized: false })
    const certificate = socket.getPeerX509Certificate()!
    socket.destroy()
    return certificate
  }

  test('has DNS names alone for who asks for a name, and all names for who asks for none', async () => {
    const [named, plain] = [await shown('localhost'), await shown('')]
    assert.doesNotMatch(named.subjectAltName!, /IP Address/)
    assert.equal(named.checkHost('localhost'), 'localhost')
    assert.equal(plain.checkHost('localhost'), 'localhost')
    assert.ok(named.publicKey.equals(plain.publicKey))
  })

  test('is replaced for both at once', async () => {
    const before = [await shown('localhost'), await shown('')]
    const { authorities } = server.pipeline
    server.clock.advance(13 * 3600)
    await authorities.rotate()
    server.http.setTls(authorities.serverTls())
    const now = [await shown('localhost'), await shown('')]
    for (const [at, certificate] of now.entries()) assert.notEqual(certificate.serialNumber, before[at]!.serialNumber)
    assert.ok(now[0]!.publicKey.equals(now[1]!.publicKey))
  })
})
