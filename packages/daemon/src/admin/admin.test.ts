import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import type { NodeEntry } from '@lanyard/api'
import { createLaunches } from '../launches/index.ts'
import { processOfPid, processOfSocket } from '../peer/index.ts'
import type { Attestation } from '../ports.ts'
import { noLog } from '../testing/index.ts'
import type { ExplainReply } from './explain.ts'
import { type DaemonStatus, startAdmin } from './index.ts'
import type { AdminParts } from './routes.ts'
import type { AdminOptions } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-admin-'))
const children: ChildProcess[] = []
const closers: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closers) await close()
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const ENTRY = { id: 'e1', spiffe_id: 'spiffe://example.org/a', expires_at: null, replicas: 1 } as NodeEntry
/** For every process that matches it: whoever is launched for another one is that too. */
const OPEN = { ...ENTRY, id: 'e3', spiffe_id: 'spiffe://example.org/c', children: true, selectors: ['unix:uid:1'] }
const OTHER = { ...ENTRY, id: 'e2', spiffe_id: 'spiffe://example.org/b' }

const attestation: Attestation = {
  examine: async process => ({
    process,
    selectors: new Set([`unix:uid:${process.uid}`]),
    mainOf: [],
    launchedFor: null,
  }),
  match: () => [
    { entry: ENTRY, given: true },
    { entry: OTHER, given: false, code: 'no_identity', missing: ['unix:uid:4001'] },
  ],
}

let sockets = 0
async function start(more: Partial<AdminOptions> = {}, parts: Partial<AdminParts> = {}) {
  const path = join(folder, `${sockets++}.sock`)
  const hold = processOfPid
  const launches = createLaunches({
    entries: () => [ENTRY, OPEN],
    hold,
    neverOf: () => [],
    folder: null,
    log: noLog,
    now: Date.now,
  })
  const options: AdminOptions = { path, launchers: [], peerOf: processOfSocket, log: noLog, ...more }
  const admin = await startAdmin(options, {
    status: () => ({ version: '1', workload_api: 'unix:///w' }) as DaemonStatus,
    metrics: () => 'up 1\n',
    attestation,
    launches,
    entries: () => [ENTRY, OTHER],
    stateOf: () => ({ kind: 'pending' }),
    noNode: () => null,
    hold,
    ...parts,
  })
  let closed: Promise<void> | undefined
  const close = () => (closed ??= admin.close().then(() => launches.close()))
  closers.push(close)
  return { path, launches, close }
}

function ask(path: string, call: string, body?: unknown, agent?: Agent): Promise<{ status: number; reply: unknown }> {
  const [method, url] = call.split(' ')
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method, path: url, agent }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => (text += chunk))
      response.on('end', () => {
        const json = response.headers['content-type'] === 'application/json'
        resolve({ status: response.statusCode!, reply: json ? JSON.parse(text) : text })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

async function child(): Promise<number> {
  const started = spawn('/bin/sleep', ['60'], { stdio: 'ignore' })
  children.push(started)
  await once(started, 'spawn')
  return started.pid!
}

test('tells status, metrics and what a process would get, on a socket of our own alone', async () => {
  const { path, close } = await start()
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual((await ask(path, 'GET /status')).reply, { version: '1', workload_api: 'unix:///w', launches: [] })
  assert.equal((await ask(path, 'GET /metrics')).reply, 'up 1\n')
  const { status, reply } = await ask(path, 'POST /explain', { pid: process.pid })
  assert.equal(status, 200)
  assert.deepEqual(reply, {
    pid: process.pid,
    uid: process.getuid!(),
    gid: process.getgid!(),
    selectors: [`unix:uid:${process.getuid!()}`],
    main_of: [],
    launched_for: null,
    node: null,
    verdicts: [
      { entry: 'e1', spiffe_id: ENTRY.spiffe_id, given: true, code: null, missing: [], detail: null },
      { ...lacking('e2', OTHER), code: 'no_identity', missing: ['unix:uid:4001'] },
    ],
  })
  await close()
  assert.ok(!existsSync(path))
})

const lacking = (entry: string, { spiffe_id }: NodeEntry) => ({ entry, spiffe_id, given: false, detail: null })

test('an entry that matches and is refused all the same is not said to be given', async () => {
  const both: Partial<AdminParts> = {
    attestation: { ...attestation, match: () => [ENTRY, OTHER].map(entry => ({ entry, given: true as const })) },
    stateOf: entry =>
      entry === 'e1'
        ? { kind: 'refused', code: 'agent_quarantined', detail: 'it was taken away' }
        : { kind: 'pending' },
  }
  const { path, close } = await start({}, both)
  const { verdicts } = (await ask(path, 'POST /explain', { pid: process.pid })).reply as ExplainReply
  assert.deepEqual(
    verdicts.map(({ entry, given, code, detail }) => [entry, given, code, detail]),
    [
      ['e2', true, null, null],
      ['e1', false, 'agent_quarantined', 'it was taken away'],
    ],
  )
  await close()
})

test('a node that the authority let go says so', async () => {
  const banned = { code: 'node_banned', detail: 'node n1 is banned' }
  const { path, close } = await start({}, { entries: () => [], noNode: () => banned })
  const { node } = (await ask(path, 'POST /explain', { pid: process.pid })).reply as ExplainReply
  assert.deepEqual(node, banned)
  await close()
})

test('takes a child that is younger than the connection, and no other process', async () => {
  const { path, launches, close } = await start()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const older = await child()
  // Start times are counted in hundredths of a second.
  await new Promise(resolve => setTimeout(resolve, 15))
  await ask(path, 'GET /status', undefined, agent)
  const codeOf = async (pid: number, entry = 'e1') =>
    ((await ask(path, 'POST /launches', { entry, pid }, agent)).reply as { code?: string }).code
  assert.equal(await codeOf(older), 'launch_forbidden')
  assert.equal(await codeOf(process.ppid), 'launch_forbidden')
  assert.equal(await codeOf(await child(), 'e9'), 'entry_unknown')
  const pid = await child()
  const { status, reply } = await ask(path, 'POST /launches', { entry: ENTRY.spiffe_id, pid }, agent)
  assert.deepEqual(
    [status, reply],
    [201, { entry: 'e1', spiffe_id: ENTRY.spiffe_id, open: [{ entry: OPEN.id, spiffe_id: OPEN.spiffe_id }], pid }],
  )
  assert.equal(launches.entryOf(processOfPid(pid)), 'e1')
  assert.equal(await codeOf(await child()), 'launch_taken')
  agent.destroy()
  await close()
})

const HOSTILE: readonly (readonly [call: string, body: unknown, code: string])[] = [
  ['GET /', undefined, 'route_unknown'],
  ['GET /constructor', undefined, 'route_unknown'],
  ['GET /launches', undefined, 'route_unknown'],
  ['GET /status?x=1', undefined, 'route_unknown'],
  ['POST /explain', {}, 'body_invalid'],
  ['POST /explain', '', 'body_invalid'],
  ['POST /explain', 'null', 'body_invalid'],
  ['POST /explain', '{', 'body_invalid'],
  ['POST /explain', { pid: '1' }, 'body_invalid'],
  ['POST /explain', { pid: -1 }, 'body_invalid'],
  ['POST /explain', { pid: 1.5 }, 'body_invalid'],
  ['POST /explain', { pid: 4_194_305 }, 'workload_gone'],
  ['POST /launches', { entry: 'e1' }, 'body_invalid'],
  ['POST /launches', { entry: 7, pid: 1 }, 'body_invalid'],
  ['POST /launches', { entry: 'e1', pid: 1 }, 'launch_forbidden'],
  ['POST /explain', `{"pid":${' '.repeat(9000)}1}`, 'body_too_large'],
]

test('refuses by a code whatever else it is asked, and lives on', async () => {
  const { path, close } = await start()
  for (const [call, body, code] of HOSTILE)
    assert.equal(((await ask(path, call, body)).reply as { code: string }).code, code, `${call} ${body}`)
  const broken = spawn('/bin/true')
  await once(broken, 'exit')
  assert.equal((await ask(path, 'GET /status')).status, 200)
  await close()
})

test('what breaks inside is told by a code alone', async () => {
  const status = () => {
    throw new Error('SECRET')
  }
  const { path, close } = await start({}, { status })
  const { status: answered, reply } = await ask(path, 'GET /status')
  assert.equal(answered, 500)
  assert.ok(!JSON.stringify(reply).includes('SECRET'))
  await close()
})

test('a socket makes way once nobody serves it; what else lies there does not', async () => {
  const { path, close } = await start()
  await assert.rejects(start({ path }), { code: 'socket_unusable' })
  await close()
  const stale = join(folder, 'stale.sock')
  const server = createServer().listen(stale)
  await once(server, 'listening')
  // As a process that was killed: the file stays.
  const left = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(`${stale}2`)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ])
  await once(left, 'exit')
  assert.ok(statSync(`${stale}2`).isSocket())
  const second = await start({ path: `${stale}2` })
  await second.close()
  server.close()
  const file = join(folder, 'file')
  writeFileSync(file, 'keep')
  await assert.rejects(start({ path: file }), { code: 'socket_unusable' })
  assert.ok(existsSync(file))
  await assert.rejects(start({ path: `/tmp/${'x'.repeat(110)}` }), { code: 'socket_unusable' })
})

if (process.getuid?.() === 0) {
  const { chmodSync } = await import('node:fs')
  chmodSync(folder, 0o755)
  const CLIENT = `const [path, method, url, body] = process.argv.slice(1)
    const out = require('http').request({ socketPath: path, method, path: url }, r => {
      r.setEncoding('utf8').on('data', t => process.stdout.write(t))
    })
    out.on('error', e => process.stdout.write(JSON.stringify({ code: e.code })))
    out.end(body)`
  const askAs = async (
    uid: number,
    path: string,
    method: string,
    url: string,
    body = '',
  ): Promise<string | undefined> => {
    const client = spawn(process.execPath, ['-e', CLIENT, path, method, url, body], { uid, gid: uid })
    let text = ''
    client.stdout.setEncoding('utf8').on('data', chunk => (text += chunk))
    await once(client, 'close')
    return (JSON.parse(text) as { code?: string }).code
  }

  test('strangers cannot connect; launchers may launch, and see nothing of other processes', async () => {
    const own = await start()
    assert.equal(await askAs(4001, own.path, 'GET', '/status'), 'EACCES')
    await own.close()
    const { path, close } = await start({ launchers: [4002] })
    assert.equal(statSync(path).mode & 0o777, 0o666)
    assert.match(String(await askAs(4001, path, 'GET', '/status')), /^(ECONNRESET|EPIPE)$/)
    assert.equal(await askAs(4002, path, 'GET', '/status'), undefined)
    assert.equal(await askAs(4002, path, 'GET', '/metrics'), 'launch_forbidden')
    assert.equal(await askAs(4002, path, 'POST', '/explain', '{"pid":1}'), 'launch_forbidden')
    assert.equal(await askAs(4002, path, 'POST', '/launches', '{"entry":"e1","pid":1}'), 'launch_forbidden')
    await close()
  })
}

test('a folder where others could replace the socket is refused', async () => {
  const open = mkdtempSync(join(folder, 'open-'))
  chmodSync(open, 0o777)
  await assert.rejects(start({ path: join(open, 'a', 's') }), { code: 'permissions_too_wide' })
})
