import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as netConnect, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { serverConfig } from '../config.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { closed, headOf } from '../testing/http2.ts'
import { connectRaw, isWhole, lastReply, type RawConnection } from '../testing/raw.ts'
import { Listener } from './listener.ts'

let server: HttpHarness
const start = async (...settings: Parameters<typeof openHttp>) => {
  server = await openHttp(...settings)
}
afterEach(() => server.close())

const head = (line: string, ...headers: string[]) => `${[line, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`
const connect = () => connectRaw(server.port, server.rootPem)

async function ask(connection: RawConnection, bytes: string): Promise<number> {
  connection.write(bytes)
  return lastReply(await connection.until(isWhole)).status
}

describe('slow senders', () => {
  const limits = { header_timeout_ms: 500, body_timeout_ms: 500, idle_timeout_ms: 10_000 }

  test('a head that comes letter by letter: 408, and the connection ends', async () => {
    await start({ limits })
    const connection = await connect()
    let i = 0
    const drip = setInterval(() => connection.write(i++ === 0 ? 'GET /healthz HTTP/1.1\r\nX: ' : 'x'), 20)
    const reply = lastReply(await connection.closed())
    clearInterval(drip)
    assert.deepEqual(reply, { status: 408, code: 'request_timeout' })
  })

  test('no head at all: the same', async () => {
    await start({ limits })
    const connection = await connect()
    assert.deepEqual(lastReply(await connection.closed()), { status: 408, code: 'request_timeout' })
  })

  test('a second head that never ends: the same', async () => {
    await start({ limits })
    const connection = await connect()
    assert.equal(await ask(connection, head('GET /healthz HTTP/1.1')), 200)
    connection.write('GET /healthz')
    assert.deepEqual(lastReply(await connection.closed()), { status: 408, code: 'request_timeout' })
  })

  test('a body that comes letter by letter: 408', async () => {
    await start({ limits })
    const token = await server.apiKey('admin')
    const connection = await connect()
    const headers = [`Authorization: Bearer ${token}`, 'Content-Type: application/json', 'Content-Length: 5000']
    connection.write(head('POST /v1/tenants HTTP/1.1', ...headers))
    const drip = setInterval(() => connection.write('{'), 20)
    const reply = lastReply(await connection.until(isWhole))
    clearInterval(drip)
    assert.deepEqual(reply, { status: 408, code: 'request_timeout' })
    connection.socket.destroy()
  })

  test('nothing more to say: the connection ends after its idle time', async () => {
    await start({ limits: { idle_timeout_ms: 150 } })
    const connection = await connect()
    assert.equal(await ask(connection, head('GET /healthz HTTP/1.1')), 200)
    await connection.closed()
  })

  test('a reply that is not read: the connection ends', async () => {
    await start({ limits: { idle_timeout_ms: 150, body_timeout_ms: 150 } })
    const connection = await connect()
    const over = closed(connection.socket)
    connection.socket.pause()
    connection.write(head('GET /openapi.json HTTP/1.1').repeat(200))
    // Paused, it learns of the end only by what it still sends.
    const poke = setInterval(() => connection.socket.write(head('GET /healthz HTTP/1.1')), 50)
    await over
    clearInterval(poke)
  })
})

describe('connections', () => {
  test('strangers that do nothing make room: who is known stays, who comes gets in', async () => {
    await start({ limits: { connections: 20 } })
    const token = await server.apiKey('admin')
    const whoami = head('GET /v1/whoami HTTP/1.1', `Authorization: Bearer ${token}`)
    const known = await connect()
    assert.equal(await ask(known, whoami), 200)
    const idle: Socket[] = []
    let ended = 0
    for (let i = 0; i < 300; i++) {
      const socket = netConnect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.on('close', () => ended++)
      socket.resume()
      await once(socket, 'connect')
      idle.push(socket)
    }
    assert.equal(await ask(known, whoami), 200)
    assert.equal((await server.call('GET /healthz')).status, 200)
    assert.ok(ended >= 280, `${ended} ended`)
    for (const socket of idle) socket.destroy()
    known.socket.destroy()
  })

  test('who holds the most makes room for another tenant, and only for who is known', async () => {
    await start({ limits: { connections: 8 } })
    const whoami = async (tenant: string) =>
      head('GET /v1/whoami HTTP/1.1', `Authorization: Bearer ${await server.apiKey('auditor', { tenant })}`)
    const known = async (tenant: string) => {
      const connection = await connect()
      assert.equal(await ask(connection, await whoami(tenant)), 200)
      return connection
    }
    for (const tenant of ['greedy', 'acme']) await server.pipeline.tenant(tenant)
    const greedy = []
    for (let i = 0; i < 5; i++) greedy.push(await known('greedy'))
    const acme = [await known('acme')]
    // Six known ones are the share; strangers come and go beside them.
    for (let i = 0; i < 20; i++) (await connect()).socket.on('error', () => {})
    for (const connection of [...greedy, ...acme]) assert.equal(connection.socket.destroyed, false)
    acme.push(await known('acme'))
    await greedy[0]!.closed()
    greedy.push(await known('greedy'))
    await greedy[1]!.closed()
    const still = [...greedy.slice(2), ...acme]
    for (const connection of still) {
      connection.write(await whoami('acme'))
      await connection.until(text => text.split('HTTP/1.1 200').length === 3)
      connection.socket.destroy()
    }
  })

  test('more handshakes in a second than allowed are turned away before they cost anything', async () => {
    await start({ limits: { handshakes_per_sec: 5 } })
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, connect))
    const opened = outcomes.filter(outcome => outcome.status === 'fulfilled')
    assert.ok(opened.length >= 5 && opened.length < 15, `${opened.length} opened`)
    for (const { value } of opened) value.socket.destroy()
  })
})

describe('the end', () => {
  /** A server whose `/v1/whoami` waits until it is let go. */
  async function startSlow(): Promise<{ reached: Promise<unknown>; go: () => void; token: string }> {
    const { promise, resolve: go } = Promise.withResolvers<void>()
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    let slow = false
    await start({
      parts: parts => ({
        ...parts,
        store: {
          write: (step, locks) => parts.store.write(step, locks),
          urgent: (step, locks) => parts.store.urgent(step, locks),
          read: async step => {
            if (slow) {
              reach()
              await promise
            }
            return parts.store.read(step)
          },
        },
      }),
    })
    const token = await server.apiKey('admin')
    slow = true
    return { reached, go, token }
  }

  test('what is under way is answered, as the last of its connection; nobody else is waited for', async () => {
    const { reached, go, token } = await startSlow()
    const [idle, used, halfway] = [await connect(), await connect(), await connect()]
    halfway.write('GET /heal')
    used.write(head('GET /v1/whoami HTTP/1.1', `Authorization: Bearer ${token}`))
    await reached
    const closing = server.http.close(10_000)
    await Promise.all([idle.closed(), halfway.closed()])
    await assert.rejects(connect())
    go()
    const text = await used.closed()
    assert.equal(lastReply(text).status, 200)
    assert.match(text, /connection: close/i)
    await closing
  })

  test('HTTP/2 says goodbye, and ends with its last stream', async () => {
    const { reached, go, token } = await startSlow()
    const session = connectHttp2('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1' })
    const stream = session.request({ ':path': '/v1/whoami', authorization: `Bearer ${token}` })
    await reached
    const [goaway, over] = [once(session, 'goaway'), closed(session)]
    const closing = server.http.close(10_000)
    await goaway
    go()
    const headers = await headOf(stream)
    assert.equal(headers[':status'], 200)
    stream.resume()
    await over
    await closing
  })

  test('what takes longer than the grace is cut', async () => {
    const { reached, go, token } = await startSlow()
    const used = await connect()
    used.write(head('GET /v1/whoami HTTP/1.1', `Authorization: Bearer ${token}`))
    await reached
    await server.http.close(50)
    assert.equal(await used.closed(), '')
    go()
  })

  test('twice is once, and without having listened is no error', async () => {
    await start()
    await Promise.all([server.http.close(10), server.http.close(10)])
    await assert.rejects(server.call('GET /healthz'))
  })

  test('a taken port is refused by its name, and is no reason not to end', async () => {
    await start()
    const tls = server.pipeline.authorities.serverTls()
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const second = new Listener({ limits: serverConfig({}).limits, tls, log, serve() {}, sweep() {}, stopping() {} })
    await assert.rejects(second.listen('127.0.0.1', server.port), { code: 'address_in_use' })
    await second.close(10)
  })
})

describe('/readyz', () => {
  test('tells of a store that does not answer', async () => {
    let broken = false
    await start({
      parts: parts => ({
        ...parts,
        store: {
          write: (step, locks) => parts.store.write(step, locks),
          urgent: (step, locks) => parts.store.urgent(step, locks),
          read: async step => {
            if (broken) throw new Error('disk on fire, password=hunter2')
            return parts.store.read(step)
          },
        },
      }),
    })
    assert.equal((await server.call('GET /readyz')).status, 200)
    broken = true
    const answer = await server.call('GET /readyz')
    assert.equal(answer.status, 500)
    // Errors that nobody gave a code to say nothing but their id; the log has the rest.
    assert.doesNotMatch(answer.text, /fire|hunter2|detail/)
    assert.equal(server.logged.length, 1)
    assert.match(server.logged[0]!, /fire/)
    assert.ok(server.logged[0]!.includes(answer.body.request_id))
  })

  test('tells of an instance that cannot sign', async () => {
    await start({ parts: parts => ({ ...parts, ready: () => false }) })
    const { status, body, headers } = await server.call('GET /readyz')
    assert.deepEqual([status, body.code, headers['retry-after']], [503, 'not_ready', '1'])
    assert.equal((await server.call('GET /healthz')).status, 200)
  })
})
