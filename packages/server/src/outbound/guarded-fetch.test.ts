import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { TestIdentity } from '../../../protocol/src/node/test-ca.ts'
import { openOutbound } from './guarded-fetch.ts'
import { type Outbound, OutboundError, type Resolve } from './ports.ts'

const run = promisify(execFile)
const now = Math.floor(Date.now() / 1000)
const validity = { notBefore: now - 60, notAfter: now + 3600 }
const root = TestIdentity.root(validity)
const names = { dns: ['idp.example'], ip: [Uint8Array.of(127, 0, 0, 1)] }
const leaf = root.leaf({ ...validity, names })

const closing: (() => void)[] = []
after(() => {
  for (const close of closing) close()
})

async function serve(
  listener: RequestListener,
  tls: TestIdentity = leaf,
  options: ServerOptions = {},
): Promise<number> {
  const server = createServer({ key: tls.keyPem, cert: tls.pem, ...options }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const here: Resolve = async () => ['127.0.0.1']
const open = (resolve: Resolve = here, allow = ['127.0.0.0/8']): Outbound =>
  openOutbound({ allow, roots: [root.pem], resolve })
const CAPS = { maxBytes: 1000, timeoutMs: 5000 }

const outcome = (port: number, more: object = {}, outbound = open()) =>
  outbound.ask({ url: `https://idp.example:${port}/keys?a=b`, ...CAPS, ...more }).then(
    ({ text }) => text,
    (error: unknown) => (error instanceof OutboundError ? error.code : error),
  )

test('an answer comes as it is, and the request tells nothing but what it needs', async () => {
  let seen: unknown
  const port = await serve(({ method, url, headers }, response) => {
    seen = { method, url, host: headers.host, encoding: headers['accept-encoding'], cookie: headers.cookie }
    response.end('{"keys":[]}')
  })
  assert.equal(await outcome(port), '{"keys":[]}')
  const host = `idp.example:${port}`
  assert.deepEqual(seen, { method: 'GET', url: '/keys?a=b', host, encoding: 'identity', cookie: undefined })
})

test('a form is posted with its credential', async () => {
  const port = await serve(async (request, response) => {
    const body = (await request.toArray()).join('')
    response.end(`${request.method} ${request.headers.authorization} ${request.headers['content-type']} ${body}`)
  })
  const said = await outcome(port, { form: { token: 'a b&c' }, authorization: 'Basic eDp5' })
  assert.equal(said, 'POST Basic eDp5 application/x-www-form-urlencoded token=a+b%26c')
})

const ANSWERS: [why: string, listener: RequestListener, code: string][] = [
  ['a redirect', (_, r) => r.writeHead(302, { location: 'https://127.0.0.1/' }).end(), 'refused'],
  ['a redirect that keeps the method', (_, r) => r.writeHead(308, { location: '/keys' }).end('{}'), 'refused'],
  ['not found', (_, r) => r.writeHead(404).end('{}'), 'refused'],
  ['an error of the server', (_, r) => r.writeHead(500).end('{}'), 'refused'],
  ['nothing', (_, r) => r.writeHead(204).end(), 'refused'],
  ['a part', (_, r) => r.writeHead(206).end('{}'), 'refused'],
  ['more than the cap', (_, r) => r.end('a'.repeat(1001)), 'refused'],
  ['more than the cap, announced', (_, r) => r.writeHead(200, { 'content-length': 1e9 }).write('a'), 'refused'],
  ['endlessly much', (_, r) => endless(r), 'refused'],
  ['compressed', (_, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{}')), 'refused'],
  ['no UTF-8', (_, r) => r.end(Buffer.of(0x22, 0xff, 0x22)), 'refused'],
  ['less than announced', (_, r) => cut(r), 'unreachable'],
  ['nothing at all', request => request.socket.destroy(), 'unreachable'],
  ['endless headers', (_, r) => r.socket!.write(`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_000)}`), 'unreachable'],
  ['no HTTP', (_, r) => r.socket!.end('220 mail.example ESMTP\r\n'), 'unreachable'],
]

function endless(response: Parameters<RequestListener>[1]): void {
  response.on('error', () => {})
  const more = () => {
    while (!response.destroyed && response.write('a'.repeat(500)));
  }
  response.on('drain', more)
  more()
}

function cut(response: Parameters<RequestListener>[1]): void {
  response.writeHead(200, { 'content-length': 100 })
  response.write('{', () => response.destroy())
}

for (const [why, listener, code] of ANSWERS)
  test(`refused: ${why}`, async () => {
    assert.equal(await outcome(await serve(listener)), code)
  })

test('an answer that grows byte by byte ends at the time limit, as one that never begins', async () => {
  const silent = await serve(() => {})
  assert.equal(await outcome(silent, { timeoutMs: 200 }), 'unreachable')
  const slow = await serve((_, response) => {
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  })
  assert.equal(await outcome(slow, { timeoutMs: 200 }), 'unreachable')
})

test('a look-up that never ends, ends at the time limit', async () => {
  assert.equal(
    await outcome(
      1,
      { timeoutMs: 50 },
      open(() => new Promise(() => {})),
    ),
    'unreachable',
  )
})

let port = 0
before(async () => {
  port = await serve((_, response) => response.end('reached'))
})

test('only the address that was judged is connected to: a second look-up that says otherwise is never made', async () => {
  const answers = [['127.0.0.2'], ['127.0.0.1']]
  let asked = 0
  const rebinding: Resolve = async () => answers[asked++]!
  const outbound = open(rebinding, ['127.0.0.2/32'])
  // The service listens at the second address, which is forbidden; at the first, which is allowed, nobody does.
  assert.deepEqual([await outcome(port, {}, outbound), asked], ['unreachable', 1])
  assert.deepEqual([await outcome(port, {}, outbound), asked], ['forbidden', 2])
})

test('the system’s own names are judged by their addresses', async () => {
  const outbound = openOutbound({ allow: [], roots: [root.pem] })
  const url = `https://localhost:${port}/`
  await assert.rejects(outbound.ask({ url, ...CAPS }), { code: 'forbidden' })
  await assert.rejects(outbound.require(url), { code: 'forbidden' })
})

test('what may be asked can be told before it is asked; a name that nobody knows now may be known later', async () => {
  await open().require('https://idp.example/')
  await open(() => Promise.reject(new Error('ENOTFOUND'))).require('https://idp.example/')
  await assert.rejects(open(async () => ['10.0.0.1']).require('https://idp.example/'), { code: 'forbidden' })
  await assert.rejects(open().require('http://idp.example/'), { code: 'forbidden' })
})

test('an address in the URL is compared with the addresses of the certificate', async () => {
  const ask = (url: string) => open().ask({ url, ...CAPS })
  assert.equal((await ask(`https://127.0.0.1:${port}/`)).text, 'reached')
  const other = await serve(
    (_, response) => response.end(),
    root.leaf({ ...validity, names: { dns: ['idp.example'] } }),
  )
  await assert.rejects(ask(`https://127.0.0.1:${other}/`), { code: 'unreachable' })
})

const past = { notBefore: now - 7200, notAfter: now - 3600 }
const stranger = TestIdentity.root(validity)
const CERTIFICATES: [why: string, tls: TestIdentity][] = [
  ['of another name', root.leaf({ ...validity, names: { dns: ['other.example'] } })],
  ['of the address alone', root.leaf({ ...validity, names: { ip: [Uint8Array.of(127, 0, 0, 1)] } })],
  ['that has ended', root.leaf({ ...past, names })],
  ['of an unknown authority', stranger.leaf({ ...validity, names })],
  ['that signed itself', TestIdentity.root({ ...validity, names })],
]

for (const [why, tls] of CERTIFICATES)
  test(`a server with a certificate ${why} is not believed`, async () => {
    assert.equal(await outcome(await serve((_, response) => response.end('reached'), tls)), 'unreachable')
  })

test('TLS below 1.2 is not spoken', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  assert.equal(await outcome(await serve((_, response) => response.end('reached'), leaf, old)), 'unreachable')
})

test('variables of the environment send it to no proxy and switch no check off', async () => {
  const program = new URL('./guarded-fetch.child.ts', import.meta.url).pathname
  const proxy = 'http://127.0.0.1:1'
  const env = { ...process.env, NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: proxy, https_proxy: proxy, NODE_NO_WARNINGS: '1' }
  const asking = async (roots: readonly string[], more: object = {}) => {
    const argument = JSON.stringify({ url: `https://127.0.0.1:${port}/`, allow: ['127.0.0.0/8'], roots })
    const { stdout } = await run(process.execPath, [program, argument], { env: { ...env, ...more } })
    return stdout
  }
  assert.equal(await asking([root.pem]), 'reached')
  assert.equal(await asking([], { NODE_TLS_REJECT_UNAUTHORIZED: '0' }), 'unreachable')
})
