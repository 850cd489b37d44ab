import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { shared } from '@lanyard/authority'
import { generateKeyNow } from '@lanyard/protocol/node'
import { serverConfig } from '../config.ts'
import { startServer } from '../main.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { measuredStore } from './measured-store.ts'
import { serverMeters } from './server-meters.ts'

const measured = (text: string, series: string) => {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('what an instance measures', () => {
  let server: HttpHarness
  let admin: string
  before(async () => {
    server = await openHttp()
    admin = await server.apiKey('admin')
    await server.agent({ tenant: 'acme', agent: 'a1' })
  })
  after(() => server.close())

  const metrics = async (token = admin) => await server.call('GET /metrics', { token })

  test('requests, refusals, certificates and kills are counted by route and code', async () => {
    const token = await server.token({ tenant: 'acme', agent: 'a1' })
    await server.call('POST /v1/agent/auth/cert', { token, body: { csr: await csrOf(generateKeyNow('P-256')) } })
    await server.call('POST /v1/agents/acme/a1/kill', { token: admin, body: { reason: 'test' } })
    await server.call('GET /v1/agents/acme/none', { token: admin })
    await server.call('GET /nowhere/secret', { token: admin })
    const { text, headers, status } = await metrics()
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(measured(text, 'lanyard_issued_total{kind="x509"}'), 1)
    assert.equal(measured(text, 'lanyard_kills_total{target="agent"}'), 1)
    assert.equal(measured(text, 'lanyard_kill_seconds_count'), 1)
    assert.equal(measured(text, 'lanyard_requests_total{route="killAgent",status="202"}'), 1)
    assert.equal(measured(text, 'lanyard_requests_total{route="getAgent",status="404"}'), 1)
    assert.equal(measured(text, 'lanyard_requests_total{route="none",status="404"}'), 1)
    assert.equal(measured(text, 'lanyard_refusals_total{code="route_unknown"}'), 1)
    assert.equal(measured(text, 'lanyard_points'), 0)
    assert.doesNotMatch(text, /secret|acme/)
  })

  test('the key of one tenant reads nothing of what all do together', async () => {
    const own = await server.apiKey('admin', { tenant: 'acme' })
    assert.equal((await metrics(own)).body.code, 'permission_missing')
  })

  test('every line is as the text format has it', async () => {
    const { text } = await metrics()
    assert.ok(text.endsWith('\n'))
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) lanyard_\w+ .+|lanyard_\w+(\{(\w+="[^"]*",?)+\})? [-\d.e+]+)$/)
  })
})

test('a running instance tells of its feed, its store and itself', async context => {
  const { mkdtempSync, readFileSync, rmSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const { join } = await import('node:path')
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-metrics-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = serverConfig({ data: join(folder, 'data'), listen: '127.0.0.1:0', log: { level: 'silent' } })
  const running = await startServer(config, { env: {} })
  const { Agent, fetch } = await import('undici')
  const dispatcher = new Agent({ connect: { ca: readFileSync(running.rootFile, 'utf8') } })
  const key = readFileSync(running.adminKeyFile!, 'utf8').trim()
  const reply = await fetch(`${running.url}/metrics`, { dispatcher, headers: { authorization: `Bearer ${key}` } })
  const text = await reply.text()
  await dispatcher.destroy()
  await running.close()
  assert.equal(measured(text, 'lanyard_epoch'), 0)
  assert.equal(measured(text, 'lanyard_feed_readers'), 0)
  assert.equal(measured(text, 'lanyard_incidents_open'), 0)
  assert.ok(measured(text, 'lanyard_store_seconds_count{lane="write"}')! > 0)
  assert.ok(measured(text, 'lanyard_resident_memory_bytes')! > 1e7)
})

test('what a step decides is no failure of the store; what the store could not do is', async () => {
  const meters = serverMeters()
  const fails = (code: 'not_found' | 'store_unavailable') => () => Promise.reject(new LanyardError(code, 'x'))
  for (const code of ['not_found', 'store_unavailable'] as const) {
    const write = fails(code)
    const store = measuredStore({ read: write, write, urgent: write }, meters)
    await assert.rejects(
      store.write(function* () {}, shared()),
      { code },
    )
  }
  assert.equal(measured(meters.text(), 'lanyard_store_failures_total{lane="write"}'), 1)
  assert.equal(measured(meters.text(), 'lanyard_store_seconds_count{lane="write"}'), 2)
})
