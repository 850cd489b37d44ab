import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { HandTimers } from '../../../../test/support/hand-timers.ts'
import { serverConfig } from '../config.ts'
import { startServer } from '../main.ts'
import { type CallOptions, send } from '../testing/client.ts'
import { connectRaw } from '../testing/raw.ts'

const data = mkdtempSync(join(tmpdir(), 'lanyard-eviction-'))
after(() => rmSync(data, { recursive: true }))
const log = { debug() {}, info() {}, warn() {}, error() {} }

test('an instance that is put out of service ends its feeds, answers nobody, and does not start again', async t => {
  const config = serverConfig({ data, listen: '127.0.0.1:0' })
  const io = { env: {}, timers: new HandTimers(), log }
  const server = await startServer(config, io)
  t.after(() => server.close())
  const rootPem = readFileSync(server.rootFile, 'utf8')
  const token = readFileSync(server.adminKeyFile!, 'utf8').trimEnd()
  const port = Number(new URL(server.url).port)
  const call = (what: string, options: CallOptions = {}) => send(port, rootPem, what, options)
  const instances = async () => (await call('GET /v1/instances', { token })).body.items
  assert.deepEqual(
    (await instances()).map(({ instance, state }: Record<string, string>) => [instance, state]),
    [[server.instance, 'serving']],
  )
  const reader = await connectRaw(port, rootPem)
  reader.write(`GET /v1/feed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`)
  await reader.until(text => text.includes('\n0\r\n') || text.split('\n').some(line => line.startsWith('eyJ')))

  const evicted = await call(`POST /v1/instances/${server.instance}/evict`, { token, body: { reason: 'stolen' } })
  assert.equal(evicted.status, 202, evicted.text)
  assert.match(await reader.closed(), /\r\n0\r\n\r\n$/)
  for (const what of ['GET /v1/whoami', 'GET /v1/instances', 'GET /v1/feed']) {
    const { status, body } = await call(what, { token })
    assert.deepEqual([status, body.code], [503, 'instance_evicted'], what)
  }
  assert.equal((await call('GET /readyz')).status, 503)
  assert.equal((await call('GET /healthz')).status, 200)
  await server.close()
  await assert.rejects(() => startServer(config, io), { code: 'instance_evicted' })
})
