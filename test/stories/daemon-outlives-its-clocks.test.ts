import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { type RunningDaemon, startDaemon } from '@lanyard/daemon'
import { daemonConfig } from '@lanyard/daemon/config'
import { type Svid, WorkloadApiClient } from '@lanyard/sdk'
import { type RunningServer, serverConfig, startServer } from '@lanyard/server'
import { Agent, fetch } from 'undici'
import { until } from '../support/cast.ts'
import { ShiftedTime } from '../support/shifted-time.ts'
import { ownProcesses } from '../support/workload-stage.ts'

// A real authority and a real daemon in this process, each with a clock of its own that the test sets.

const HOUR_MS = 3_600_000

const folder = mkdtempSync(join(tmpdir(), 'doc-'))
const authorityTime = new ShiftedTime()
const machineTime = new ShiftedTime()
let server: RunningServer
let daemon: RunningDaemon
let client: WorkloadApiClient
let entry = ''
/** So long that none is renewed at half of it while a test, on a slow machine, looks whether it stays. */
let lifeSec = 240
/** Serial numbers in the order in which they came to a workload that follows its identity. */
const given: string[] = []

async function call(method: 'POST' | 'PATCH', path: string, body: object) {
  const dispatcher = new Agent({ allowH2: false, connect: { ca: readFileSync(server.rootFile, 'utf8') } })
  const key = readFileSync(server.adminKeyFile!, 'utf8').trim()
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const reply = await fetch(`${server.url}${path}`, {
    ...{ method, headers, dispatcher },
    body: JSON.stringify(body),
  })
  const text = await reply.text()
  await dispatcher.destroy()
  assert.ok(reply.ok, text)
  return JSON.parse(text)
}

before(async () => {
  const config = serverConfig({ data: join(folder, 'authority'), listen: '127.0.0.1:0', log: { level: 'silent' } })
  server = await startServer(config, { env: {}, clock: authorityTime })
  await call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  await call('POST', '/v1/agents', { tenant: 'acme', agent: 'invoice', tier: 'gold' })
  const wanted = { tenant: 'acme', agent: 'invoice', x509_ttl_sec: lifeSec, ...ownProcesses }
  entry = (await call('POST', '/v1/entries', wanted)).id
  const settings = daemonConfig(
    {
      ...{ authority: server.url, root_sha256: server.rootSha256, log_level: 'silent' },
      ...{ socket: `unix://${folder}/s/api.sock`, admin_socket: 's/admin.sock', data: 'node' },
    },
    folder,
  )
  const { token } = await call('POST', '/v1/nodes/join-tokens', { name: 'n1' })
  daemon = await startDaemon(settings, { joinToken: token, time: machineTime })
  client = new WorkloadApiClient({ socket: daemon.workloadApi })
  client.watchX509Context({ onState: ({ svids }) => given.push(svids[0]!.svid.serial), onFailed: () => {} })
  await current()
})

after(async () => {
  await client.close()
  await daemon.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a workload is given that asks anew. */
const ask = async (): Promise<Svid> => (await client.fetchX509Context()).svids[0]!.svid

/** Waits for an identity that holds by the clock of the authority, and that is another than this one. */
async function current(other = ''): Promise<Svid> {
  const holds = ({ serial, notBefore, notAfter }: Svid) => {
    const now = authorityTime.now() / 1_000
    return serial !== other && notBefore <= now && now < notAfter
  }
  // While the daemon connects anew there may be none.
  const found = await until(
    () => ask().catch(() => null),
    svid => svid !== null && holds(svid),
  )
  return found!
}

/** Waits until the authority has said what time it is, after this moment. */
async function told(): Promise<void> {
  const before = daemon.status().authority.heard_at
  await until(
    async () => daemon.status().authority.heard_at,
    now => now !== before,
  )
}

/** The daemon gets another identity over the connection that it has; gives that. */
async function renewed(): Promise<Svid> {
  const { serial } = await current()
  lifeSec++
  await call('PATCH', `/v1/entries/${entry}`, { x509_ttl_sec: lifeSec })
  return await current(serial)
}

// Whatever it was, life goes on as before.
afterEach(async () => {
  await renewed()
  assert.equal(daemon.status().authority.connected, true)
})

for (const [name, ms] of [
  ['ahead', HOUR_MS],
  ['behind', -HOUR_MS],
] as const)
  test(`the clock of the machine is set an hour ${name}: the authority's counts, and nothing changes`, async () => {
    await told()
    const { serial } = await current()
    machineTime.jump(ms)
    assert.equal((await ask()).serial, serial)
    machineTime.look()
    await told()
    machineTime.look()
    assert.equal((await ask()).serial, serial)
    assert.equal(given.at(-1), serial)
    await renewed()
    machineTime.jump(-ms)
    machineTime.look()
  })

test('the clock of the authority is set an hour ahead: there is a new identity, by its time', async () => {
  const { serial } = await current()
  authorityTime.jump(HOUR_MS)
  await told()
  machineTime.look()
  await current(serial)
})

test('the clock of the authority is set back an hour: nobody is left with an identity that has not begun', async () => {
  const { serial } = await current()
  authorityTime.jump(-HOUR_MS)
  for (const time of [authorityTime, machineTime]) time.pass(1_500)
  await told()
  machineTime.look()
  await current(serial)
})

test('the machine sleeps for an hour: it wakes with a new identity', async () => {
  const { serial, notAfter } = await current()
  authorityTime.pass(HOUR_MS)
  machineTime.jump(HOUR_MS)
  machineTime.look()
  const next = await current(serial)
  assert.ok(next.notAfter > notAfter)
  await until(
    async () => given.at(-1),
    last => last === next.serial,
  )
})
