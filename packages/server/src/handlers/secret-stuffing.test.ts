import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { newAgentSecret } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { connectRaw } from '../testing/raw.ts'
import { SecretAgent } from '../testing/secrets.ts'

const guess = (id?: string) => {
  const bytes = (length: number) => (length === 6 && id ? Buffer.from(id, 'hex') : new Uint8Array(randomBytes(length)))
  return newAgentSecret({ bytes }, nodeCrypto).secret
}
let server: HttpHarness
let admin: string
let names = 0

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 100, handshakes_per_sec: 10_000 } })
  admin = await server.apiKey('admin', { rateLimit: 0 })
})
after(() => server.close())

async function holder() {
  const key = { tenant: 'acme', agent: `a${++names}` }
  await server.agent(key)
  const own = new SecretAgent(server, admin, key)
  return { own, ...(await own.create()) }
}

/** Sends so many sessions by secrets on one connection; gives the replies until the other side closed it. */
async function stuff(secrets: readonly string[]): Promise<string[]> {
  const connection = await connectRaw(server.port, server.rootPem)
  const body = JSON.stringify({ tenant: 'acme', agent: 'a1' })
  const head = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  for (const secret of secrets) {
    const call = `POST /v1/agent/session HTTP/1.1\r\n${head}Authorization: Lanyard-Secret ${secret}\r\n\r\n${body}`
    connection.write(call)
  }
  return (await connection.closed()).match(/HTTP\/1\.1 \d+/g) ?? []
}

test('whoever guesses has twenty guesses on a connection', async () => {
  const { id } = await holder()
  for (const secrets of [
    Array.from({ length: 30 }, () => guess()),
    Array.from({ length: 30 }, () => guess(id)),
    Array(30).fill('lanyard-secret_x'),
  ])
    assert.deepEqual(await stuff(secrets), Array(20).fill('HTTP/1.1 401'))
})

test('a secret that does not count any more is a guess too', async () => {
  const { own, secret } = await holder()
  await own.create()
  assert.deepEqual(await stuff(Array(30).fill(secret)), Array(20).fill('HTTP/1.1 401'))
})

test('guesses take nothing from the allowance of whose secret they guess', async () => {
  const { own, id, secret } = await holder()
  for (let i = 0; i < 50; i++) assert.equal((await own.session(guess(id))).body.code, 'unauthenticated')
  assert.equal((await own.session(secret)).status, 200)
})

test('a secret opens so many sessions a minute, and is told when it may again', async () => {
  const { own, secret } = await holder()
  const other = await holder()
  const answers = await Promise.all(Array.from({ length: 10 }, () => own.session(secret)))
  const [open, refused] = [200, 429].map(wanted => answers.filter(({ status }) => status === wanted))
  assert.deepEqual([open!.length, refused!.length], [6, 4])
  for (const { body, headers } of refused!) {
    assert.equal(body.code, 'rate_limited')
    assert.ok(Number(headers['retry-after']) >= 1)
  }
  // What it opened has an allowance of its own, other agents have theirs, and so has the exchange of the secret.
  assert.equal((await server.call('GET /v1/whoami', { token: open![0]!.body.token })).status, 200)
  assert.equal((await other.own.session(other.secret)).status, 200)
  assert.equal((await own.rotate(secret)).status, 200)
  server.clock.advance(60)
  assert.equal((await own.session((await own.create()).secret)).status, 200)
})

test('whoever revokes is never told to wait', async () => {
  const { own } = await holder()
  const token = await server.apiKey('admin', { rateLimit: 1 })
  for (let i = 0; i < 10; i++) {
    const call = { token, body: { reason: 'stolen' } }
    assert.equal((await server.call(`POST ${own.path}/revoke-secret`, call)).status, 200)
  }
})
