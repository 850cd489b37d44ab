import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { test } from 'node:test'
import { openHttp } from '../testing/http.ts'
import { closed } from '../testing/http2.ts'
import type { Connection } from './connection.ts'
import type { AnyResponse } from './listener.ts'
import { UnreadReplies } from './unread-replies.ts'

const KB = 1024
const response = () => new EventEmitter() as unknown as AnyResponse

function connection() {
  const seen = { cut: 0 }
  const raw = { destroy: () => void seen.cut++ }
  return Object.assign(seen, { raw }) as unknown as Connection & { cut: number }
}

test('a reply counts until it is taken, or its connection is gone', () => {
  const unread = new UnreadReplies(100 * KB)
  const [client, reply] = [connection(), response()]
  for (let i = 0; i < 100; i++) {
    unread.add(reply, 10 * KB, client)
    assert.ok(unread.bytes >= 10 * KB)
    reply.emit('close')
    assert.equal(unread.bytes, 0)
  }
  assert.equal(client.cut, 0)
})

test('beyond the allowance those are cut whose replies wait longest, and no others', () => {
  const unread = new UnreadReplies(100 * KB)
  const clients = Array.from({ length: 9 }, connection)
  for (const client of clients) unread.add(response(), 26 * KB, client)
  assert.deepEqual(
    clients.map(({ cut }) => cut),
    [1, 1, 1, 1, 1, 1, 0, 0, 0],
  )
  assert.ok(unread.bytes <= 100 * KB)
})

test('many small replies count as well: each holds a stream', () => {
  const unread = new UnreadReplies(100 * KB)
  const client = connection()
  for (let i = 0; i < 1000; i++) unread.add(response(), 0, client)
  assert.ok(client.cut > 900)
})

test('strangers who ask for documents and read nothing lose their connections, the oldest first', async t => {
  const server = await openHttp()
  t.after(() => server.close())
  const sessions: ClientHttp2Session[] = []
  const over: Promise<void>[] = []
  t.after(() => {
    for (const session of sessions) session.destroy()
  })
  for (let i = 0; i < 40; i++) {
    const options = { ca: server.rootPem, port: server.port, host: '127.0.0.1', settings: { initialWindowSize: 0 } }
    const session = connect('https://localhost', options)
    sessions.push(session)
    over.push(closed(session))
    await once(session, 'remoteSettings')
    for (let j = 0; j < 20; j++) session.request({ ':path': '/openapi.json' }).on('error', () => {})
  }
  await over[0]
  assert.equal((await server.call('GET /healthz')).status, 200)
  assert.equal(sessions.at(-1)!.destroyed, false)
})
