import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { test } from 'node:test'
import { SecretDiscoveryService } from '../../gen/envoy/service/secret/v3/sds_pb.js'
import { Health } from '../../gen/grpc/health/v1/health_pb.js'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { FakeProcess } from '../testing/index.ts'
import { HEADER, STATUS, until, type World, world } from '../workload-api/world.suite.ts'
import { framed, type TestClient } from './testing/client.ts'

const FETCH = '/SpiffeWorkloadAPI/FetchX509SVID'
const JWT = '/SpiffeWorkloadAPI/FetchJWTSVID'
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const bytes = (...all: number[]) => Buffer.from(all)

/** That it lives on: somebody else gets an answer. */
async function livesOn({ connect, errors }: World): Promise<void> {
  const client = connect()
  assert.equal((await client.call(Health.method.check, {}).next()).status, 1)
  await client.close()
  assert.deepEqual(errors, [])
}

const bodies = [
  ['nothing', bytes(), STATUS.unimplemented, STATUS.invalidArgument, STATUS.internal],
  ['half a frame', bytes(0, 0), STATUS.invalidArgument, STATUS.internal],
  ['half a message', bytes(0, 0, 0, 0, 9, 1), STATUS.invalidArgument, STATUS.internal],
  ['a frame of 4 GiB', bytes(0, 255, 255, 255, 255), STATUS.resourceExhausted],
  ['a long message', framed(Buffer.alloc(65 * 1024)), STATUS.resourceExhausted],
  ['a compressed message', bytes(1, 0, 0, 0, 1, 0), STATUS.internal, STATUS.unimplemented],
  ['an unknown flag', bytes(255, 0, 0, 0, 0), STATUS.internal, STATUS.unimplemented, STATUS.invalidArgument],
  ['no protobuf', framed(bytes(255, 255, 255, 255)), STATUS.invalidArgument, STATUS.internal],
  ['a field that does not end', framed(bytes(10, 200, 1, 65)), STATUS.invalidArgument, STATUS.internal],
  ['text that is no UTF-8', framed(bytes(10, 2, 0xc3, 0x28)), STATUS.invalidArgument, STATUS.internal],
  ['groups within groups', framed(Buffer.alloc(60_000, 0x0b)), STATUS.invalidArgument, STATUS.internal],
  [
    'two messages',
    Buffer.concat([framed(bytes(10, 1, 120)), framed(bytes(10, 1, 120))]),
    STATUS.unimplemented,
    STATUS.invalidArgument,
  ],
] as const

for (const [name, body, ...expected] of bodies)
  test(`a request of ${name}`, async t => {
    const here = await world(t)
    here.workloads.give('anyone', AGENT)
    const call = here.client.begin(JWT, HEADER)
    call.stream.end(body)
    const { code } = await call.ended
    assert.ok(
      expected.some(status => status === code),
      `got ${code}`,
    )
    assert.equal(here.workloads.issued, 0)
    await livesOn(here)
  })

const heads = [
  ['the content type of JSON', { 'content-type': 'application/json' }, 415],
  ['none at all', { 'content-type': '' }, 415],
  ['gRPC-web', { 'content-type': 'application/grpc-web+proto' }, 415],
  ['Connect', { 'content-type': 'application/connect+proto' }, 415],
  ['gRPC with JSON', { 'content-type': 'application/grpc+json' }, 415],
  ['another method', { ':method': 'PUT' }, 405],
] as const

for (const [name, headers, status] of heads)
  test(`a call with ${name} is none`, async t => {
    const here = await world(t)
    const call = here.client.begin(FETCH, { ...HEADER, ...headers })
    call.stream.end(framed(bytes()))
    assert.deepEqual(await call.ended, { http: status, code: null, message: '' })
    await livesOn(here)
  })

const paths = [
  '/',
  '/SpiffeWorkloadAPI',
  '/SpiffeWorkloadAPI/Fetch',
  '//SpiffeWorkloadAPI/FetchX509SVID',
  '/__proto__/toString',
  `${FETCH}?x`,
  '/%ff',
]

for (const path of paths)
  test(`${path} is no method`, async t => {
    const here = await world(t)
    const call = here.client.begin(path, HEADER)
    call.stream.end(framed(bytes()))
    const { http, code } = await call.ended
    assert.deepEqual([http, code], [200, STATUS.unimplemented])
    assert.ok(here.counted.includes('calls unknown unimplemented'), 'no label of the caller’s making')
    await livesOn(here)
  })

const authorities = [
  'http://localhost',
  'http://example.org:99999',
  'http://%2Ftmp%2Fapi.sock',
  'http://[::1]:1',
  'http://a_b',
]

for (const authority of authorities)
  test(`the authority ${authority} is not looked at`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    const call = client.begin(FETCH, { ...HEADER, ':authority': authority.slice('http://'.length) })
    call.stream.end(framed(bytes()))
    assert.ok(await call.next())
  })

const timeouts = [
  ['1n', STATUS.deadlineExceeded],
  ['0S', STATUS.deadlineExceeded],
  ['-1S', STATUS.invalidArgument],
  ['123456789S', STATUS.invalidArgument],
  ['x', STATUS.invalidArgument],
] as const

for (const [timeout, status] of timeouts)
  test(`a deadline of ${timeout}`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    const call = client.begin(FETCH, { ...HEADER, 'grpc-timeout': timeout })
    call.stream.end(framed(bytes()))
    assert.equal((await call.ended).code, status)
  })

test('a deadline of 99,999,999 hours does not fire at once', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.begin(FETCH, { ...HEADER, 'grpc-timeout': '99999999H' })
  call.stream.end(framed(bytes()))
  assert.ok(await call.next())
  workloads.rotate()
  assert.ok(await call.next())
})

test('huge metadata ends the stream or the connection, and nothing else', async t => {
  const here = await world(t)
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`x-${at}`, 'y'.repeat(100)]))
  for (const metadata of [many, { 'x-long': 'y'.repeat(60_000) }]) {
    const client = here.connect()
    // Until a client has accepted our settings, those of the protocol hold, which are four times as generous.
    await client.call(Health.method.check, {}).next()
    const call = client.begin(FETCH, { ...HEADER, ...metadata })
    call.stream.end(framed(bytes()))
    const { code, http } = await call.ended
    assert.ok(code === null && http !== 200, `got ${http} ${code}`)
  }
  await livesOn(here)
})

const openings = [
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
  ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01'],
  ['a frame without settings', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x05\x00\x00\x00\x00\x00\x01hello'],
  ['a frame that is too long', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00'],
] as const

for (const [name, opening] of openings)
  test(`a connection that begins with ${name} is ended`, async t => {
    const here = await world(t)
    const socket = connectSocket(here.path)
    socket.on('error', () => {})
    socket.resume()
    socket.write(Buffer.from(opening, 'latin1'))
    await once(socket, 'close')
    await livesOn(here)
  })

test('a connection without a call, and one that was idle for long, are ended', async t => {
  const here = await world(t, { limits: { firstCallMs: 1000, idleMs: 5000 } })
  const silent = connectSocket(here.path)
  silent.on('error', () => {})
  const silentClosed = once(silent.resume(), 'close')
  await until(() => here.time.waiting === 2)
  await here.time.advance(1000)
  await silentClosed
  const client = here.connect()
  const call = client.call(Health.method.check, {})
  assert.equal((await call.next()).status, 1)
  await call.ended
  const closed = once(client.session, 'close')
  await until(() => here.gauge('connections') === 1 && here.time.waiting === 1)
  await here.time.advance(5000)
  await closed
  await livesOn(here)
})

test('a request that does not come to its end is given up', async t => {
  const here = await world(t, { limits: { requestMs: 1000 } })
  const call = here.client.begin(JWT, HEADER)
  call.stream.write(bytes(0, 0, 0))
  await until(() => here.time.waiting > 0 && here.gauge('connections') === 1)
  while (!call.stream.destroyed) await here.time.advance(1000)
  assert.equal((await call.ended).code, null)
  await livesOn(here)
})

test('who opens calls only to give them up loses the connection', async t => {
  const here = await world(t, { limits: { resetsPerSec: 5 } })
  const client = here.connect()
  const closed = once(client.session, 'close')
  const flood = () => {
    for (let n = 0; n < 50 && !client.session.destroyed; n++)
      client.begin(FETCH, HEADER).stream.close(constants.NGHTTP2_CANCEL)
  }
  const timer = setInterval(flood, 1)
  await closed
  clearInterval(timer)
  await livesOn(here)
})

test('a thousand connections of one user leave room for others', async t => {
  let uid = 1000
  const here = await world(t, {
    limits: { connectionsPerUid: 50 },
    processOf: () => new FakeProcess(4242, { uid }),
  })
  await here.client.call(Health.method.check, {}).next()
  const sockets: Socket[] = []
  let closed = 0
  for (let n = 0; n < 1000; n++) {
    const socket = connectSocket(here.path)
    socket.on('error', () => {})
    socket.once('close', () => closed++)
    sockets.push(socket.resume())
  }
  // Some find the queue of the kernel full.
  await until(() => closed === 951)
  assert.equal(here.gauge('connections'), 50)
  assert.ok(here.counted.includes('connections_refused too_many'))
  uid = 1001
  await livesOn(here)
  for (const socket of sockets) socket.destroy()
  await until(() => here.gauge('connections') === 1)
})

test('calls of one user are counted over all connections', async t => {
  const here = await world(t, { limits: { callsPerUid: 3 } })
  here.workloads.give('anyone', AGENT)
  const { fetchX509SVID } = SpiffeWorkloadAPI.method
  const fetch = (client: TestClient) => client.call(fetchX509SVID, {}, HEADER)
  const open = [fetch(here.client), fetch(here.connect()), fetch(here.connect())]
  for (const call of open) await call.next()
  const { code } = await fetch(here.connect()).ended
  assert.equal(code, STATUS.resourceExhausted)
  open[0]!.cancel()
  await open[0]!.ended
  await until(() => here.workloads.followers === 2)
  assert.ok(await fetch(here.client).next())
})

for (const { name } of [SecretDiscoveryService.method.fetchSecrets, SecretDiscoveryService.method.streamSecrets])
  test(`long requests of ${name} that do not end fill no memory`, async t => {
    const here = await world(t, { limits: { unreadBytesPerUid: 100_000 } })
    here.workloads.give('anyone', AGENT)
    const path = `/${SecretDiscoveryService.typeName}/${name}`
    const half = framed(Buffer.alloc(90_000)).subarray(0, 60_000)
    const first = here.client.begin(path)
    first.stream.write(half)
    const second = here.connect().begin(path)
    second.stream.write(half)
    const { code, message } = await Promise.race([first.ended, second.ended])
    assert.equal(code, STATUS.resourceExhausted)
    assert.match(message, /^rate_limited/)
    await livesOn(here)
  })

test('requests that end are counted no longer', async t => {
  const here = await world(t, { limits: { unreadBytesPerUid: 100_000 } })
  here.workloads.give('anyone', AGENT)
  const call = here.client.converse(SecretDiscoveryService.method.streamSecrets)
  const node = { id: 'x'.repeat(60_000) }
  for (let n = 0; n < 5; n++) {
    call.send({ resourceNames: ['default'], node })
    assert.equal((await call.next()).resources.length, 1)
  }
})

test('who connects without end is cut off before it costs anything, and may again after a while', async t => {
  const held: unknown[] = []
  const here = await world(t, { limits: { connectionsPerSec: 2 }, processOf: () => new FakeProcess(held.push(0)) })
  for (let n = 0; n < 30; n++) {
    const socket = connectSocket(here.path)
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.destroy()
  }
  await until(() => here.counted.filter(line => line === 'connections_refused too_often').length >= 10)
  assert.ok(held.length <= 20, `got ${held.length}`)
  await here.time.advance(1000)
  await livesOn(here)
})

test('who cannot be identified is cut off, and the reason is counted', async t => {
  const here = await world(t, {
    processOf: () => {
      throw new TypeError('no such call')
    },
  })
  const socket = connectSocket(here.path)
  socket.on('error', () => {})
  await once(socket.resume(), 'close')
  assert.ok(here.counted.includes('connections_refused internal_error'))
  assert.ok(here.errors.length > 0)
})

test('who stops reading holds up nobody', async t => {
  const here = await world(t)
  here.workloads.give('anyone', AGENT)
  const stopped = here.connect()
  const call = stopped.call(SpiffeWorkloadAPI.method.fetchX509SVID, {}, HEADER)
  await call.next()
  call.raw.stream.pause()
  // More than fits into the windows of HTTP/2.
  for (let n = 0; n < 100; n++) {
    here.workloads.rotate()
    await new Promise(resolve => setImmediate(resolve))
  }
  const other = here.connect()
  assert.ok(await other.call(SpiffeWorkloadAPI.method.fetchX509SVID, {}, HEADER).next())
  await stopped.close()
  await until(() => here.workloads.followers === 1)
  await livesOn(here)
})

test('a server that stops says so, and takes its socket away', async t => {
  const here = await world(t)
  here.workloads.give('anyone', AGENT)
  const call = here.client.call(SpiffeWorkloadAPI.method.fetchX509SVID, {}, HEADER)
  await call.next()
  await here.close()
  const { code, message } = await call.ended
  assert.deepEqual([code, message], [STATUS.unavailable, 'not_ready: the daemon stops'])
  assert.equal(here.workloads.followers, 0)
})
