import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { LanyardError, type NodeEntry } from '@lanyard/api'
import { lasting } from '../attestors/unix/owners.ts'
import { PrivateFolder } from '../disk/private-folder.ts'
import { statOf } from '../peer/proc.ts'
import { ticksNow } from '../peer/ticks.ts'
import { noLog } from '../testing/index.ts'
import { FakeProcess } from '../testing/process.ts'
import { createLaunches, type LaunchOptions } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-launches-'))
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const entry = (id: string, more: Partial<NodeEntry> = {}) =>
  ({ id, spiffe_id: `spiffe://example.org/${id}`, selectors: [], expires_at: null, replicas: 1, ...more }) as NodeEntry

/** A process that really runs, held by what /proc says of it; the test ends it by hand. */
const held: FakeProcess[] = []
function hold(pid: number): FakeProcess {
  const kin = statOf(pid)
  if (!kin) throw new LanyardError('workload_gone', `no process ${pid}`)
  const one = new FakeProcess(pid, { startTime: kin.startTime, uid: 0, gid: 0 })
  held.push(one)
  return one
}

const registryOf = (entries: readonly NodeEntry[], more: Partial<LaunchOptions> = {}) =>
  createLaunches({ entries: () => entries, hold, neverOf: lasting(), folder: null, log: noLog, now: Date.now, ...more })

async function child(): Promise<number> {
  const started = spawn('/bin/sleep', ['60'], { stdio: 'ignore' })
  children.push(started)
  await once(started, 'spawn')
  return started.pid!
}
const me = (since = 0n) => ({ process: hold(process.pid), since })

test('a child of the caller is the main process of its entry until it ends', async () => {
  const launches = registryOf([entry('a')])
  const pid = await child()
  const launch = launches.launch({ entry: 'spiffe://example.org/a', pid }, me())
  assert.equal(launch.entry.id, 'a')
  assert.equal(launches.entryOf(hold(pid)), 'a')
  assert.equal(launches.entryOf(hold(process.pid)), null)
  // Another process with the same number.
  assert.equal(launches.entryOf(new FakeProcess(pid, { startTime: launch.process.startTime + 1n })), null)
  ;(launch.process as FakeProcess).end()
  assert.equal(launches.entryOf(hold(pid)), null)
  assert.deepEqual(launches.running(), [])
})

const REFUSED: readonly (readonly [why: string, code: string, of: () => Promise<[string, number, bigint?]>])[] = [
  ['an entry that is not served here', 'entry_unknown', async () => ['b', await child()]],
  ['a SPIFFE ID of two entries', 'entry_unknown', async () => ['spiffe://example.org/two', await child()]],
  ['an entry that has ended', 'entry_expired', async () => ['over', await child()]],
  ['a process of nobody', 'workload_gone', async () => ['a', 2 ** 22 + 1]],
  ['the first process', 'launch_forbidden', async () => ['a', 1]],
  ['the caller itself', 'launch_forbidden', async () => ['a', process.pid]],
  ['its own parent', 'launch_forbidden', async () => ['a', process.ppid]],
  ['a child from before the connection', 'launch_forbidden', async () => ['a', await child(), ticksNow() + 1n]],
]

for (const [why, code, of] of REFUSED)
  test(`refused: ${why}`, async () => {
    const [named, pid, since] = await of()
    const two = { spiffe_id: 'spiffe://example.org/two' }
    const ended = entry('over', { expires_at: '2020-01-01T00:00:00Z' })
    const launches = registryOf([entry('a'), entry('c', two), entry('d', two), ended])
    assert.throws(() => launches.launch({ entry: named, pid }, me(since)), { code })
    assert.deepEqual(launches.running(), [])
  })

const NEVER: readonly (readonly [selectors: string[], missing: readonly string[] | null, unix?: null])[] = [
  [['unix:uid:0', 'unix:gid:0', 'unix:user:root', 'unix:group:root'], null],
  // What it executes is another program a moment later.
  [['unix:uid:0', 'unix:path:/opt/agent', 'systemd:unit:a.service', 'unix:supplementary_gid:9'], null],
  [['unix:uid:4001', 'unix:gid:0', 'unix:path:/opt/agent'], ['unix:uid:4001']],
  [
    ['unix:gid:4001', 'unix:user:nobody', 'unix:group:nogroup'],
    ['unix:gid:4001', 'unix:user:nobody', 'unix:group:nogroup'],
  ],
  [['unix:uid:00'], ['unix:uid:00']],
  [['unix:uid:0'], ['unix:uid:0'], null],
]

for (const [selectors, missing, unix] of NEVER)
  test(`a program of root for ${selectors}${unix === null ? ', where nobody looks at users' : ''}`, async () => {
    const launches = registryOf([entry('a', { selectors })], unix === null ? { neverOf: lasting(null) } : {})
    const pid = await child()
    const launch = () => launches.launch({ entry: 'a', pid }, me())
    if (missing === null) return assert.equal(launch().entry.id, 'a')
    assert.throws(launch, (error: LanyardError) => {
      assert.equal(error.code, 'no_identity')
      for (const one of missing) assert.ok(error.message.includes(one), error.message)
      return missing.length === error.message.split('unix:').length - 1
    })
    assert.deepEqual(launches.running(), [])
  })

test('no more run at a time than the entry says, and one process is launched once', async () => {
  const launches = registryOf([entry('a', { replicas: 2 }), entry('b')])
  const [first, second, third] = [await child(), await child(), await child()]
  const { process: running } = launches.launch({ entry: 'a', pid: first }, me())
  assert.throws(() => launches.launch({ entry: 'b', pid: first }, me()), { code: 'launch_taken' })
  launches.launch({ entry: 'a', pid: second }, me())
  assert.throws(() => launches.launch({ entry: 'a', pid: third }, me()), { code: 'launch_taken' })
  ;(running as FakeProcess).end()
  launches.launch({ entry: 'a', pid: third }, me())
  assert.deepEqual(
    launches.running().map(({ pid }) => pid),
    [second, third],
  )
})

test('a launch outlives a restart of the daemon, for the same process of the same boot alone', async () => {
  const keptIn = PrivateFolder.open(join(folder, 'kept'))
  const file = join(keptIn.path, 'launches.json')
  const pid = await child()
  registryOf([entry('a')], { folder: keptIn }).launch({ entry: 'a', pid }, me())
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(registryOf([], { folder: keptIn }).entryOf(hold(pid)), 'a')

  const kept = readFileSync(file, 'utf8')
  const changed = (from: RegExp, to: string) => writeFileSync(file, kept.replace(from, to))
  for (const [from, to] of [
    [/"startTime":"(\d+)"/, '"startTime":"7"'],
    [/"uid":\d+/, '"uid":4001'],
    [/"counted_in":"/, '"counted_in":"other '],
    [/"pid":\d+/, '"pid":"1"'],
    [/^\{/, ''],
  ] as const) {
    changed(from, to)
    assert.equal(registryOf([], { folder: keptIn }).entryOf(hold(pid)), null, to)
  }
  writeFileSync(file, kept)
  chmodSync(file, 0o644)
  assert.throws(() => registryOf([], { folder: keptIn }), { code: 'permissions_too_wide' })
})

test('a disk that takes nothing refuses no launch', async () => {
  const gone = PrivateFolder.open(join(folder, 'gone'))
  rmSync(gone.path, { recursive: true })
  const launches = registryOf([entry('a')], { folder: gone })
  const pid = await child()
  launches.launch({ entry: 'a', pid }, me())
  assert.equal(launches.entryOf(hold(pid)), 'a')
})

test('a process that starts now is not older than now', async () => {
  const before = ticksNow()
  assert.ok(statOf(await child())!.startTime >= before)
})
