import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { performServerHandshake } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { LegalAuthority } from './legal-authority.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-auth-'))
after(() => rmSync(folder, { recursive: true }))

const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const literal = (prefix: number, value: string) =>
  Buffer.concat([Buffer.from([prefix, value.length]), Buffer.from(value)])
/** POST, http, a path, and the authority as grpc-java sends it: in full, to be remembered. */
const fieldsWith = (authority: string) =>
  Buffer.concat([literal(0x41, authority), literal(0x44, '/a/b'), Buffer.from([0x83, 0x86])])
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const SETTINGS = frame(4, 0, 0, Buffer.alloc(0))
const request = (stream: number, block: Buffer, flags = 0x5) => frame(1, flags, stream, block)

/** What the server reads as authority of each request of these bytes, sent in pieces of `size`; `reset`: refused. */
async function authoritiesOf(bytes: Buffer, count: number, size = bytes.length): Promise<string[]> {
  const path = join(folder, `${Math.random()}`)
  const seen: string[] = []
  const server = createServer((socket: Socket) => {
    const session = performServerHandshake(new LegalAuthority(socket))
    session.on('error', () => {})
    session.on('stream', (stream, headers) => {
      seen.push(`${headers[':authority']}`)
      stream.on('error', () => {})
      stream.respond({ ':status': 200 }, { endStream: true })
      if (seen.length === count) session.close()
    })
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  const client = connect(path)
  const answers: Buffer[] = []
  client.on('data', (chunk: Buffer) => {
    answers.push(chunk)
    // RST_STREAM for stream 1.
    if (Buffer.concat(answers).includes(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1]))) client.destroy()
  })
  client.on('error', () => {})
  for (let at = 0; at < bytes.length; at += size) client.write(bytes.subarray(at, at + size))
  await once(client, 'close')
  await new Promise(resolve => server.close(resolve))
  return seen
}

test('the path of a socket as authority is accepted, however the bytes arrive', async () => {
  const again = Buffer.concat([Buffer.from([0x80 | 63]), literal(0x44, '/a/b'), Buffer.from([0x83, 0x86])])
  const bytes = Buffer.concat([PREFACE, SETTINGS, request(1, fieldsWith('/tmp/a/api.sock')), request(3, again)])
  for (const size of [bytes.length, 1, 7, 30])
    assert.deepEqual(await authoritiesOf(bytes, 2, size), ['-tmp-a-api.sock', '-tmp-a-api.sock'])
})

test('padding and priority are seen for what they are', async () => {
  const block = fieldsWith('/tmp/x')
  const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 16]), block, Buffer.alloc(3)])
  const bytes = Buffer.concat([PREFACE, SETTINGS, request(1, padded, 0x5 | 0x8 | 0x20)])
  assert.deepEqual(await authoritiesOf(bytes, 1), ['-tmp-x'])
})

test('what is legal stays as it is', async () => {
  const bytes = Buffer.concat([PREFACE, SETTINGS, request(1, fieldsWith('localhost'))])
  assert.deepEqual(await authoritiesOf(bytes, 1), ['localhost'])
})

test('blocks that lie about their lengths are left to the protocol, and end nothing but themselves', async () => {
  const lies = [
    Buffer.from([0x41, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    Buffer.from([0x41, 50, 0x2f]),
    Buffer.from([0x41]),
    Buffer.from([0x7f]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.alloc(0),
    Buffer.from([0x41, 0x83, 0x62, 0x1c, 0xff]),
  ]
  for (const block of lies) {
    const seen = await authoritiesOf(Buffer.concat([PREFACE, SETTINGS, request(1, block)]), 1)
    assert.ok(seen.length <= 1)
  }
})
