import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { Certificate, decodePem, decodeUtf8, signatureAlgorithmFor, toHex, verifyCompact } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { HandTimers } from '../../../test/support/hand-timers.ts'
import { TestClock } from '../../../test/support/test-clock.ts'
import { type ServerConfigInput, serverConfig } from './config.ts'
import { HEAD_TYP } from './instance/heads.ts'
import { createLog } from './instance/log.ts'
import { type RunningServer, type ServerIo, startServer } from './main.ts'
import { openSqliteStore } from './store/index.ts'
import { send } from './testing/client.ts'
import { newRequest } from './testing/machines.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-main-'))
const running = new Set<RunningServer>()
after(async () => {
  for (const server of running) await server.close()
  rmSync(base, { recursive: true })
})

let count = 0
const newFolder = () => join(base, `data-${++count}`)
const logged: string[] = []
const log = createLog({ level: 'trace', format: 'json' }, { write: line => logged.push(line) })

/** A server on a clock and timers that stand still; what it logs is kept. */
async function start(
  data: string,
  settings: ServerConfigInput = {},
  io: Partial<ServerIo> = {},
): Promise<RunningServer> {
  const config = serverConfig({ data, listen: '127.0.0.1:0', ...settings })
  const server = await startServer(config, { env: {}, timers: new HandTimers(), log, ...io })
  running.add(server)
  return server
}

interface Reply {
  readonly status: number
  readonly body: Record<string, unknown> & { items: Record<string, unknown>[] }
}

/** A GET over TLS that trusts the server's root alone. */
function get(server: RunningServer, path: string, key?: string): Promise<Reply> {
  const agent = new Agent({ ca: readFileSync(server.rootFile) })
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server.url), { agent, headers }, async reply => {
      const parts: Buffer[] = []
      for await (const part of reply) parts.push(part)
      const text = Buffer.concat(parts).toString()
      agent.destroy()
      resolve({ status: reply.statusCode!, body: text.startsWith('{') ? JSON.parse(text) : { items: [] } })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const adminKey = (server: RunningServer) => readFileSync(server.adminKeyFile!, 'utf8').trimEnd()

test('an empty folder becomes an authority, with a root to trust and a key to begin with', async () => {
  const folder = newFolder()
  const server = await start(folder, { trust_domain: 'example.org' })
  const [root] = decodePem(readFileSync(server.rootFile, 'utf8'), { labels: ['CERTIFICATE'] })
  assert.equal(server.rootSha256, toHex(nodeCrypto.sha256(root!.der)))
  assert.equal(server.trustDomain, 'example.org')
  assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(server.adminKeyFile, join(folder, 'admin.key'))
  assert.match(readFileSync(server.adminKeyFile!, 'utf8'), /^lanyard_[0-9a-f]+_[0-9a-f]+\n$/)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)

  assert.equal((await get(server, '/readyz')).status, 200)
  assert.equal((await get(server, '/v1/events')).status, 401)
  const events = await get(server, '/v1/events', adminKey(server))
  assert.equal(events.status, 200)
  assert.deepEqual(
    events.body.items.map(({ type }) => type),
    ['server.started', 'apikey.created', ...Array(9).fill('authority.created')],
  )
})

test('another start serves the same authority and makes no second key', async () => {
  const folder = newFolder()
  const first = await start(folder)
  const key = adminKey(first)
  await first.close()
  await first.close()
  const second = await start(folder)
  assert.equal(second.rootSha256, first.rootSha256)
  assert.equal(second.instance, first.instance)
  assert.equal(adminKey(second), key)
  const { items } = (await get(second, '/v1/events', key)).body
  assert.deepEqual(
    items.slice(0, 2).map(({ type }) => type),
    ['server.started', 'server.stopped'],
  )
  await second.close()
  rmSync(second.adminKeyFile!)
  const third = await start(folder)
  assert.equal(third.adminKeyFile, null)
  assert.equal((await get(third, '/v1/events', key)).status, 200)
})

test('when the last admin key has ended, the owner of the folder gets another', async () => {
  const folder = newFolder()
  const clock = new TestClock(Date.now() - 91 * 86_400_000)
  const first = await start(folder, {}, { clock })
  const key = adminKey(first)
  await first.close()
  clock.pass(91 * 86_400)
  const second = await start(folder, {}, { clock })
  assert.notEqual(adminKey(second), key)
  assert.equal((await get(second, '/v1/events', key)).status, 401)
  assert.equal((await get(second, '/v1/events', adminKey(second))).status, 200)
})

test('keys that lie open are announced, keys under a passphrase are not', async () => {
  const open = await start(newFolder())
  assert.match(open.warnings.join('\n'), /^unsealed: /)
  const folder = newFolder()
  const closed = await start(folder, {}, { env: { LANYARD_PASSPHRASE: 'correct horse battery staple' } })
  assert.deepEqual(closed.warnings, [])
  const fleeting = await start(newFolder(), { keys: 'memory' })
  assert.match(fleeting.warnings.join('\n'), /^memory: /)
  await fleeting.close()
  await assert.rejects(() => start(join(fleeting.rootFile, '..'), { keys: 'memory' }), { code: 'keys_missing' })
})

test('after a clock that was ahead, an instance starts with new intermediates and says so', async () => {
  const folder = newFolder()
  const clock = new TestClock(Date.now())
  await (await start(folder, {}, { clock })).close()
  clock.pass(30 * 86_400)
  await (await start(folder, {}, { clock })).close()
  const server = await start(folder)
  assert.match(server.warnings.join('\n'), /^clock: /m)
  assert.equal((await get(server, '/readyz')).status, 200)
})

test('a clock from before the root is refused', async () => {
  const folder = newFolder()
  await (await start(folder)).close()
  const clock = new TestClock(Date.now() - 3600_000)
  await assert.rejects(() => start(folder, {}, { clock }), { code: 'not_ready' })
})

test('a second process on the folder is refused, and the first goes on', async () => {
  const folder = newFolder()
  const server = await start(folder)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'instance/open-data.child.ts'), folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', part => {
    said += part
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 1)
  assert.match(said, /data_in_use/)
  assert.equal((await get(server, '/readyz')).status, 200)
})

test('an address that is taken is refused, and the folder is free again', async () => {
  const server = await start(newFolder())
  const folder = newFolder()
  const listen = new URL(server.url).host
  await assert.rejects(() => start(folder, { listen }), { code: 'address_in_use' })
  await (await start(folder)).close()
})

test("the server's certificate is replaced under open connections, without a restart", async () => {
  // Both certificates are valid for a client of the present.
  const clock = new TestClock(Date.now() - 12.6 * 3600_000)
  const timers = new HandTimers()
  const server = await start(newFolder(), {}, { clock, timers })
  const [before, still] = await Promise.all([shownBy(server), shownBy(server)])
  clock.pass(12.5 * 3600)
  await timers.turn()
  const now = await shownBy(server)
  assert.notEqual(now.leaf, before.leaf)
  assert.ok(!still.socket.destroyed)
  still.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  assert.match(String((await once(still.socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  for (const { socket } of [before, still, now]) socket.destroy()
})

interface Shown {
  readonly socket: TLSSocket
  /** Hex. */
  readonly leaf: string
}

/** A connection that trusts the root alone and calls the server localhost, and the certificate that it is shown. */
async function shownBy(server: RunningServer): Promise<Shown> {
  const { hostname, port } = new URL(server.url)
  const ca = readFileSync(server.rootFile)
  const socket = connect({
    host: hostname,
    port: Number(port),
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  })
  await once(socket, 'secureConnect')
  return { socket, leaf: socket.getPeerCertificate().raw.toString('hex') }
}

test('event heads are signed by a key that proves itself under the root', async () => {
  const folder = newFolder()
  const timers = new HandTimers()
  const server = await start(folder, { trust_domain: 'example.org' }, { timers })
  await timers.turn()
  await server.close()
  const clock = { now: () => Date.now() }
  const data = await openSqliteStore({ path: join(folder, 'lanyard.db'), trustDomain: 'example.org', clock })
  const page = { limit: 10, after: null }
  const { items } = await data.store.read(() => data.rows.heads.list({ instance: data.instance, chain: 'audit' }, page))
  const [row] = await data.store.read(() => data.rows.authorities.list({ purpose: 'events' }))
  await data.verifyChain(data.instance, 'audit')
  await data.close()
  const spki = Certificate.fromDer(row!.certificate!).publicKey.der
  const algorithm = signatureAlgorithmFor('P-256')
  const keys = new Map([[row!.keyId, { algorithm, spki }]])
  const expected = { typ: HEAD_TYP, algorithms: [algorithm] }
  const { payload } = verifyCompact(items[0]!.signature, keys, expected, nodeCrypto)
  const { seq, hash, chain, trust_domain } = JSON.parse(decodeUtf8(payload))
  assert.deepEqual([seq, hash, chain, trust_domain], [items[0]!.seq, items[0]!.hash, 'audit', 'example.org'])
})

test('no secret stands in any log line, event, warning or refusal', async () => {
  const folder = newFolder()
  const passphrase = 'a phrase that nobody else would write 4711'
  const timers = new HandTimers()
  const clock = new TestClock(Date.now() - 5 * 86_400_000)
  const env = { LANYARD_PASSPHRASE: passphrase }
  const server = await start(folder, {}, { env, timers, clock })
  const key = adminKey(server)
  clock.pass(5 * 86_400)
  await timers.turn()
  const events = await get(server, '/v1/events?limit=500', key)
  assert.equal(events.status, 200)
  await get(server, '/v1/events', `${key.slice(0, -1)}0`)
  await server.close()

  const refusals: string[] = []
  const refuse = async (env: Record<string, string>, settings: ServerConfigInput = {}) =>
    await assert.rejects(
      () => start(folder, settings, { env }),
      error => refusals.push(`${(error as Error).stack} ${JSON.stringify(error)}`) > 0,
    )
  const wrong = 'another phrase that nobody would write 0815'
  await refuse({ LANYARD_PASSPHRASE: wrong })
  await refuse({})
  await refuse({ LANYARD_PASSPHRASE: passphrase, LANYARD_PASSPHRASE_FILE: '/dev/null' })

  const secrets = [passphrase, wrong, key.split('_')[2]!, 'PRIVATE KEY']
  const told = [...logged, JSON.stringify(events.body), ...server.warnings, ...refusals]
  assert.ok(logged.some(line => line.includes('x509-agents')))
  for (const text of told) for (const secret of secrets) assert.ok(!text.includes(secret), text.slice(0, 200))
  const stored = readdirSync(folder).map(file => [file, readFileSync(join(folder, file))] as const)
  for (const [file, bytes] of stored)
    for (const secret of [passphrase, ...(file === 'admin.key' ? [] : [key.split('_')[2]!])])
      assert.ok(!bytes.includes(secret), file)
})

test('whoever runs the server makes a machine a node of all tenants, by a token that counts once', async () => {
  const server = await start(newFolder())
  const token = await server.makeJoinToken('local')
  const { pem: csr } = await newRequest()
  const [port, ca] = [Number(new URL(server.url).port), readFileSync(server.rootFile, 'utf8')]
  const attest = () => send(port, ca, 'POST /v1/nodes/attest', { body: { method: 'join_token', token, csr } })
  const { status, body } = await attest()
  assert.deepEqual([status, body.name, body.tenant], [201, 'local', null])
  assert.equal((await attest()).status, 401)
  await assert.rejects(server.makeJoinToken('local'), { code: 'node_exists' })
})
