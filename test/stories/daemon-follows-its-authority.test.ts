import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { type DaemonConfig, type RunningDaemon, startDaemon } from '@lanyard/daemon'
import { daemonConfig } from '@lanyard/daemon/config'
import { type IdentityError, WorkloadApiClient, type X509Context } from '@lanyard/sdk'
import { systemTime } from '@lanyard/sdk/authority'
import { type RunningServer, serverConfig, startServer } from '@lanyard/server'
import { Agent, fetch } from 'undici'
import { ownProcesses } from '../support/workload-stage.ts'

// A real authority and a real daemon in this process, and a client of the Workload API that follows its identity throughout.

const folder = mkdtempSync(join(tmpdir(), 'dfa-'))
const delivered = join(folder, 'delivered')
let server: RunningServer
let daemon: RunningDaemon
let client: WorkloadApiClient
let key = ''
let port = 0
let entry: { id: string; spiffe_id: string }

/** What the client hears, in order. */
const heard: (X509Context | IdentityError)[] = []
let wake = () => {}

/** Waits for a state that fits; what came before it is forgotten. */
async function hears(fits: (state: X509Context | IdentityError) => boolean): Promise<X509Context | IdentityError> {
  for (;;) {
    const at = heard.findIndex(fits)
    if (at >= 0) return heard.splice(0, at + 1).at(-1)!
    await new Promise<void>(resolve => {
      wake = resolve
    })
  }
}
const isGiven = (state: X509Context | IdentityError) => !(state instanceof Error)
const isRefusal = (code: string) => (state: X509Context | IdentityError) =>
  state instanceof Error && state.code === code
const serialOf = (state: X509Context | IdentityError) => {
  assert.ok(!(state instanceof Error))
  return state.svids[0]!.svid.serial
}

async function openServer() {
  const config = serverConfig({
    data: join(folder, 'authority'),
    listen: `127.0.0.1:${port}`,
    log: { level: 'silent' },
  })
  server = await startServer(config, { env: {} })
  port = Number(new URL(server.url).port)
  key ||= readFileSync(server.adminKeyFile!, 'utf8').trim()
}

const settings = (more: Record<string, unknown> = {}): DaemonConfig =>
  daemonConfig(
    {
      authority: server.url,
      root_sha256: server.rootSha256,
      socket: `unix://${folder}/s/api.sock`,
      admin_socket: 's/admin.sock',
      data: 'node',
      log_level: 'silent',
      ...more,
    },
    folder,
  )

async function call(method: string, path: string, body?: object) {
  const dispatcher = new Agent({ allowH2: false, connect: { ca: readFileSync(server.rootFile, 'utf8') } })
  try {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const reply = await fetch(`${server.url}${path}`, {
      method,
      headers,
      dispatcher,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    assert.ok(reply.ok, `${method} ${path}: ${text}`)
    // biome-ignore lint/suspicious/noExplicitAny: a reply of any route
    return (text === '' ? undefined : JSON.parse(text)) as any
  } finally {
    await dispatcher.destroy()
  }
}

before(async () => {
  mkdirSync(folder, { recursive: true })
  await openServer()
  await call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  await call('POST', '/v1/agents', { tenant: 'acme', agent: 'invoice', tier: 'gold' })
  const { token } = await call('POST', '/v1/nodes/join-tokens', { name: 'n1' })
  const delivery = [{ entry: 'spiffe://lanyard.internal/tenant/acme/agent/invoice', folder: delivered }]
  daemon = await startDaemon(settings({ delivery }), { joinToken: token })
  client = new WorkloadApiClient({ socket: daemon.workloadApi })
  const push = (state: X509Context | IdentityError) => {
    heard.push(state)
    wake()
  }
  client.watchX509Context({ onState: push, onFailed: push })
})

after(async () => {
  await client.close()
  await daemon.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a process without an entry is refused, and gets its identity when there is one', async () => {
  await hears(isRefusal('no_identity'))
  entry = await call('POST', '/v1/entries', { tenant: 'acme', agent: 'invoice', ...ownProcesses })
  const state = await hears(isGiven)
  assert.ok(!(state instanceof Error))
  assert.equal(state.svids[0]!.svid.id.toString(), entry.spiffe_id)
  const events = await call('GET', '/v1/events?type=lineage.opened')
  assert.equal(events.items.length, 1)
})

test('files are there for programs that know nothing of SPIFFE', async () => {
  assert.match(readFileSync(join(delivered, 'svid.pem'), 'utf8'), /BEGIN CERTIFICATE/)
  assert.equal(statSync(join(delivered, 'svid_key.pem')).mode & 0o777, 0o600)
})

test('tokens are issued, kept, and validated', async () => {
  const [token] = await client.fetchJwtSvids({ audience: 'bank' })
  const [again] = await client.fetchJwtSvids({ audience: 'bank' })
  assert.equal(again!.token, token!.token)
  assert.equal((await client.validateJwtSvid(token!.token, 'bank')).id.toString(), entry.spiffe_id)
  const [wit] = await client.fetchWitSvids()
  assert.equal(wit!.id.toString(), entry.spiffe_id)
})

test('a restart in an outage goes on with the very certificate, and the authority finds its daemon again', async () => {
  const before = (await client.fetchX509Context()).svids[0]!.svid.serial
  await server.close()
  await daemon.close()
  daemon = await startDaemon(settings())
  assert.equal((await client.fetchX509Context()).svids[0]!.svid.serial, before)
  assert.equal(serialOf(await hears(isGiven)), before)
  await openServer()
  const { id } = await call('POST', '/v1/entries', {
    ...{ tenant: 'acme', agent: 'invoice', hint: 'second' },
    ...{ ...ownProcesses, selectors: [...ownProcesses.selectors, `unix:gid:${process.getgid!()}`] },
  })
  await hears(state => !(state instanceof Error) && state.svids.length === 2)
  await call('DELETE', `/v1/entries/${id}`)
  await hears(state => !(state instanceof Error) && state.svids.length === 1)
})

test('a kill takes the identity at once, and a reinstated agent gets another one', async () => {
  const before = (await client.fetchX509Context()).svids[0]!.svid.serial
  await call('POST', '/v1/agents/acme/invoice/kill', { reason: 'seen in a shell' })
  await hears(isRefusal('agent_quarantined'))
  await assert.rejects(client.fetchJwtSvids({ audience: 'bank' }), { code: 'agent_quarantined' })
  await call('POST', '/v1/agents/acme/invoice/reinstate', { reason: 'settled' })
  assert.notEqual(serialOf(await hears(isGiven)), before)
})

test('a kill while the daemon was away counts before it serves anybody', async () => {
  const before = (await client.fetchX509Context()).svids[0]!.svid.serial
  await daemon.close()
  await call('POST', '/v1/agents/acme/invoice/kill', { reason: 'seen in a shell' })
  heard.length = 0
  // The authority answers, but it takes a while.
  const slow = createServer(socket => {
    const further = connect(port, '127.0.0.1')
    for (const end of [socket, further]) end.on('error', () => {})
    socket.once('close', () => further.destroy())
    setTimeout(() => socket.pipe(further).pipe(socket), 300)
  })
  await new Promise<void>(resolve => slow.listen(0, '127.0.0.1', resolve))
  const authority = `https://127.0.0.1:${(slow.address() as AddressInfo).port}`
  // Nor does a busy machine make it seem away: it would have two seconds.
  const time = { ...systemTime, after: (ms: number, then: () => void) => systemTime.after(20 * ms, then) }
  daemon = await startDaemon(settings({ authority, max_hash_bytes: 0 }), { time })
  await assert.rejects(client.fetchX509Context(), { code: 'agent_quarantined' })
  await hears(isRefusal('agent_quarantined'))
  assert.ok(!heard.some(state => isGiven(state) && serialOf(state) === before), 'not for a moment')
  await call('POST', '/v1/agents/acme/invoice/reinstate', { reason: 'settled' })
  await hears(isGiven)
  await daemon.close()
  slow.close()
  daemon = await startDaemon(settings())
  await hears(isGiven)
})

test('a banned node gives nothing any more', async () => {
  const [node] = (await call('GET', '/v1/nodes')).items
  await call('POST', `/v1/nodes/${node.node}/ban`, { reason: 'stolen' })
  await hears(isRefusal('node_banned'))
  assert.equal(daemon.status().entries, 0)
  assert.equal(daemon.status().svids.length, 0)
})
