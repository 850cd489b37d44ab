import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { start } from '../../peer/testing/peers.ts'
import { FakeProcess } from '../../testing/process.ts'
import { attestorSuite } from '../attestor.suite.ts'
import type { Cgroup } from '../cgroup.ts'
import { dockerAttestor } from './index.ts'
import { type FakeContainer, type FakeEngine, startEngine } from './testing/engine.ts'

attestorSuite('docker', dockerAttestor)

const ID = '4f1c'.repeat(16)
const OTHER = 'beef'.repeat(16)
const IMAGE = `sha256:${'1'.repeat(64)}`
const AGENT: FakeContainer = {
  id: ID,
  pid: 100,
  labels: { app: 'invoice', 'com.example/team': 'a:b' },
  env: ['PATH=/bin', 'TOKEN=very=secret', 'EMPTY='],
  digests: [`registry.example/agent@sha256:${'2'.repeat(64)}`],
}
const scope = (id: string) => `/system.slice/docker-${id}.scope`
const v2 = (path: string): readonly Cgroup[] => [{ hierarchy: '', path }]

/** An attestor of this engine that sees these control groups. */
function attestor({ socket }: Pick<FakeEngine, 'socket'>, groups: Record<number, readonly Cgroup[]>) {
  const made = dockerAttestor({ socket }, pid => groups[pid] ?? [])
  return (pid: number) => made.examine(new FakeProcess(pid))
}
const NOTHING = { selectors: [], mainOf: null }

test('the first process of a container, and another one of it', async () => {
  await using engine = await startEngine(AGENT)
  const examine = attestor(engine, { 100: v2(scope(ID)), 101: v2(`${scope(ID)}/inner`) })
  const { selectors, mainOf } = await examine(100)
  assert.deepEqual(selectors, [
    'docker:label:app:invoice',
    'docker:label:com.example/team:a:b',
    'docker:env:PATH',
    'docker:env:TOKEN',
    'docker:env:EMPTY',
    `docker:image_id:${IMAGE}`,
    `docker:image_digest:registry.example/agent@sha256:${'2'.repeat(64)}`,
  ])
  assert.equal(mainOf, `docker ${ID}`)
  assert.deepEqual(await examine(101), { selectors, mainOf: null })
  assert.deepEqual(engine.asked, [`/containers/${ID}/json`, `/images/${IMAGE}/json`])
})

test('control groups of both versions and both drivers name the container', async () => {
  await using engine = await startEngine(AGENT)
  for (const groups of [
    v2(scope(ID)),
    v2(`/docker/${ID}`),
    v2(`/agents.slice/${ID}`),
    ['pids', 'memory', 'name=systemd'].map(hierarchy => ({ hierarchy, path: `/docker/${ID}` })),
    [
      { hierarchy: 'pids', path: `/docker/${ID}` },
      { hierarchy: '', path: '/' },
    ],
  ])
    assert.equal((await attestor(engine, { 100: groups })(100)).mainOf, `docker ${ID}`)
})

test('a group that somebody called by the id of a container is not that container', async () => {
  await using engine = await startEngine(AGENT, { id: OTHER, pid: 200 })
  const user = '/user.slice/user-1000.slice/user@1000.service'
  const examine = attestor(engine, {
    100: v2(scope(ID)),
    200: v2(scope(OTHER)),
    666: v2(`${user}/docker-${ID}.scope`),
    667: v2(`${scope(OTHER)}/docker/${ID}`),
    668: v2(`/system.slice/docker-${ID}.scope-x`),
    669: [
      { hierarchy: 'pids', path: `/docker/${ID}` },
      { hierarchy: 'memory', path: `/docker/${OTHER}` },
    ],
    670: [{ hierarchy: 'memory', path: scope(ID) }],
  })
  for (const pid of [666, 668, 669, 670]) assert.deepEqual(await examine(pid), NOTHING, String(pid))
  const within = await examine(667)
  assert.ok(!within.selectors.includes('docker:label:app:invoice') && within.mainOf === null)
})

test('who is in no container is asked about nowhere', async () => {
  const examine = attestor({ socket: '/nowhere/docker.sock' }, { 1: v2('/system.slice/a.service'), 2: [] })
  for (const pid of [1, 2]) assert.deepEqual(await examine(pid), NOTHING)
})

test('an engine that is looked for by default and is not there is no failure', {
  skip: existsSync('/var/run/docker.sock') ? 'Docker runs here' : false,
}, async () => {
  const examine = dockerAttestor({}, () => v2(scope(ID))).examine
  assert.deepEqual(await examine(new FakeProcess(100)), NOTHING)
})

test('a container that is unknown, does not run, or merely has the name of this id gives nothing', async () => {
  for (const container of [
    { ...AGENT, id: OTHER },
    { ...AGENT, running: false },
    { ...AGENT, pid: 0 },
    { ...AGENT, id: OTHER, name: ID },
  ]) {
    await using engine = await startEngine(container)
    assert.deepEqual(await attestor(engine, { 100: v2(scope(ID)) })(100), NOTHING)
  }
})

test('a label whose name has a colon, and what is no text for a selector, are left out', async () => {
  const labels = { 'app:invoice': 'x', ok: 'y', lines: 'a\nb', empty: '', __proto__: 'z' }
  await using engine = await startEngine({ ...AGENT, labels, env: null, digests: [] })
  const { selectors } = await attestor(engine, { 100: v2(scope(ID)) })(100)
  assert.deepEqual(selectors, ['docker:label:ok:y', 'docker:label:empty:', `docker:image_id:${IMAGE}`])
})

test('an image that the engine names in another way has no id and no digest', async () => {
  await using engine = await startEngine({ ...AGENT, labels: null, env: null, image: '../../images/x' })
  assert.deepEqual((await attestor(engine, { 100: v2(scope(ID)) })(100)).selectors, [])
  assert.deepEqual(engine.asked, [`/containers/${ID}/json`])
})

test('an engine that does not answer, fails, or answers nonsense is a failure and no absence', async () => {
  await using engine = await startEngine(AGENT)
  const hostile: [string, FakeEngine['answer']][] = [
    ['status 500', (_, response) => response.writeHead(500).end('{}')],
    ['no JSON', (_, response) => response.end('<html>')],
    ['hangs up', (_, response) => response.destroy()],
    ['hangs up within', (_, response) => response.write('{"Id"') && response.destroy()],
    ['without end', (_, response) => response.end('x'.repeat(5 << 20))],
    ['moved', (_, response) => response.writeHead(301, { location: 'http://example.org/' }).end()],
  ]
  for (const [why, answer] of hostile) {
    engine.answer = answer
    await assert.rejects(attestor(engine, { 100: v2(scope(ID)) })(100), { code: 'attestation_failed' }, why)
  }
  const nobody = attestor({ socket: '/nowhere/docker.sock' }, { 100: v2(scope(ID)) })
  await assert.rejects(nobody(100), { code: 'attestation_failed' })
})

test('JSON of another shape gives nothing', async () => {
  await using engine = await startEngine(AGENT)
  for (const body of [
    null,
    7,
    'x',
    [],
    {},
    { Id: ID },
    { Id: ID, State: { Running: true, Pid: '100' } },
    { Id: [ID] },
  ]) {
    engine.answer = (_, response) => response.end(JSON.stringify(body))
    assert.deepEqual(await attestor(engine, { 100: v2(scope(ID)) })(100), NOTHING, JSON.stringify(body))
  }
})

const canUnshare = spawnSync('unshare', ['-Urpf', '--mount-proc', 'true']).status === 0

test('an engine in another namespace of processes counts otherwise, and is not believed', {
  skip: canUnshare ? false : 'needs namespaces of users and processes',
}, async () => {
  await using engine = await startEngine()
  const code = `
    const pid = 100, body = JSON.stringify({ Id: process.argv[2], State: { Running: true, Pid: pid }, Config: {}, Image: '' })
    require('node:http').createServer((_, response) => response.end(body)).listen(process.argv[1], () => console.log('ready'))`
  const socket = `${engine.socket}2`
  using child = start('unshare', ['-Urpf', '--kill-child', '--mount-proc', process.execPath, '-e', code, socket, ID])
  assert.equal(await child.line(), 'ready')
  await assert.rejects(attestor({ socket }, { 100: v2(scope(ID)) })(100), { message: /another namespace/ })
})
