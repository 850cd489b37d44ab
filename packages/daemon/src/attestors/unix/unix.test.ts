import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { processOfPid } from '../../peer/index.ts'
import { type Child, start, startNode, UNLESS_ROOT } from '../../peer/testing/peers.ts'
import { attestorSuite } from '../attestor.suite.ts'
import { executableOf, stillRuns } from './executable.ts'
import { unixAttestor } from './index.ts'

attestorSuite('unix', unixAttestor)

/** A real file, not one of many names of busybox or the like. */
const SLEEP = realpathSync('/bin/sleep')
const canMount = spawnSync('unshare', ['-Urm', 'mount', '--bind', '/bin', '/mnt']).status === 0
const UNLESS_MOUNT = canMount ? false : 'needs namespaces of users and mounts'
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'unix-')))
  chmodSync(path, 0o755)
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A copy that nobody else uses. */
function program(t: TestContext, name = 'agent'): string {
  const path = join(folder(t), name)
  copyFileSync(SLEEP, path)
  return path
}

async function selectorsOf(child: Pick<Child, 'pid'>, attestor = unixAttestor()): Promise<readonly string[]> {
  const held = processOfPid(child.pid)
  try {
    return (await attestor.examine(held)).selectors
  } finally {
    held.release()
  }
}

/** Selectors of what it executes. */
const ofProgram = (all: readonly string[]) => all.filter(one => /^unix:(path|sha256):/.test(one))

/** The shell says `ready` before it becomes the program. */
async function started(child: Child): Promise<void> {
  assert.equal(await child.line(), 'ready')
  // In the midst of execve(2) there is no command line at all.
  for (let line = ''; line === '' || line.includes('ready'); ) line = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')
}

test('a program is known by its path and what its file holds', async t => {
  const path = program(t)
  using child = start(path, ['60'])
  assert.deepEqual(ofProgram(await selectorsOf(child)), [`unix:path:${path}`, `unix:sha256:${sha256(SLEEP)}`])
})

test('a symbolic link is no path of its own', async t => {
  const path = program(t)
  const link = `${path}-link`
  symlinkSync(path, link)
  using child = start(link, ['60'])
  assert.ok((await selectorsOf(child)).includes(`unix:path:${path}`))
  assert.ok(!(await selectorsOf(child)).includes(`unix:path:${link}`))
})

test('a deleted program has no path, and none by the text of its link', async t => {
  const path = program(t)
  using child = start(path, ['60'])
  rmSync(path)
  assert.deepEqual(ofProgram(await selectorsOf(child)), [])
  copyFileSync(SLEEP, `${path} (deleted)`)
  assert.deepEqual(ofProgram(await selectorsOf(child)), [])
})

test('a program that was replaced under its name is not the one of that name', async t => {
  const [path, other] = [program(t), program(t, 'other')]
  using child = start(path, ['60'])
  renameSync(other, path)
  assert.deepEqual(ofProgram(await selectorsOf(child)), [])
})

test('a program moved away is known by where it is', async t => {
  const path = program(t)
  using child = start(path, ['60'])
  renameSync(path, `${path}-moved`)
  assert.ok((await selectorsOf(child)).includes(`unix:path:${path}-moved`))
})

test('a program that a namespace has mounted over another is not that other', { skip: UNLESS_MOUNT }, async t => {
  const [path, evil] = [program(t), program(t, 'evil')]
  const script = 'mount --bind "$0" "$1" && echo ready && exec "$1" 60'
  using child = start('unshare', ['-Urm', 'sh', '-c', script, evil, path])
  await started(child)
  assert.equal(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0')[0], path)
  assert.deepEqual(ofProgram(await selectorsOf(child)), [])
})

test('a program on a file system of its own namespace has no path', { skip: UNLESS_MOUNT }, async t => {
  const path = program(t)
  const script = 'mount -t tmpfs none "$(dirname "$1")" && cp "$0" "$1" && echo ready && exec "$1" 60'
  using child = start('unshare', ['-Urm', 'sh', '-c', script, SLEEP, path])
  await started(child)
  assert.deepEqual(ofProgram(await selectorsOf(child)), [])
})

test('a program in a namespace that shows the same file is that file', { skip: UNLESS_MOUNT }, async t => {
  const path = program(t)
  using child = start('unshare', ['-Urm', 'sh', '-c', 'echo ready && exec "$0" 60', path])
  await started(child)
  assert.ok((await selectorsOf(child)).includes(`unix:path:${path}`))
})

test('a process is what it executes now', async t => {
  const path = program(t)
  using child = startNode(`lines(() => process.execve(args[0], [args[0], '60'])); console.log('ready')`, [path])
  assert.equal(await child.line(), 'ready')
  const held = processOfPid(child.pid)
  const attestor = unixAttestor({ maxHashBytes: 0 })
  assert.deepEqual(ofProgram((await attestor.examine(held)).selectors), [`unix:path:${realpathSync(process.execPath)}`])
  child.say('go')
  while (readFileSync(`/proc/${child.pid}/comm`, 'utf8') !== 'agent\n');
  assert.deepEqual(ofProgram((await attestor.examine(held)).selectors), [`unix:path:${path}`])
  held.release()
})

test('who executes another program while he is looked at is refused for the moment', async t => {
  const [path, other] = [program(t), program(t, 'other')]
  using child = startNode(`lines(line => process.execve(line, [line, '60'])); console.log('ready')`)
  await child.line()
  const before = await executableOf(child.pid)
  assert.ok(before)
  await stillRuns(child.pid, before)
  child.say(path)
  while (readFileSync(`/proc/${child.pid}/comm`, 'utf8') !== 'agent\n');
  await assert.rejects(stillRuns(child.pid, before), { code: 'attestation_failed' })
  const then = await executableOf(child.pid)
  assert.ok(then)
  renameSync(other, path)
  await assert.rejects(stillRuns(child.pid, then), { code: 'attestation_failed' })
})

test('a file larger than the limit has no hash', async t => {
  using child = start(program(t), ['60'])
  const kinds = async (maxHashBytes: number) =>
    ofProgram(await selectorsOf(child, unixAttestor({ maxHashBytes }))).map(one => one.split(':')[1])
  const size = readFileSync(SLEEP).length
  assert.deepEqual(await kinds(size), ['path', 'sha256'])
  assert.deepEqual(await kinds(size - 1), ['path'])
  assert.deepEqual(await kinds(0), ['path'])
})

test('users and groups go by number, and by the name that the file of accounts has', async t => {
  using child = start('sleep', ['60'])
  const all = await selectorsOf(child)
  const [uid, gid] = [process.getuid!(), process.getgid!()]
  assert.ok(all.includes(`unix:uid:${uid}`) && all.includes(`unix:gid:${gid}`))
  if (uid === 0) assert.ok(all.includes('unix:user:root') && all.includes('unix:group:root'))
  const nowhere = join(folder(t), 'passwd')
  const nameless = await selectorsOf(child, unixAttestor({ passwd: nowhere, group: nowhere }))
  assert.deepEqual(
    nameless.filter(one => /^unix:(user|group|supplementary_group):/.test(one)),
    [],
  )
})

test('supplementary groups are known', { skip: UNLESS_ROOT }, async () => {
  using child = startNode(
    `process.setgroups([23456, 34567]); process.setgid(23456); process.setuid(12345); console.log('ready'); lines(() => {})`,
  )
  await child.line()
  const all = await selectorsOf(child)
  for (const own of ['uid:12345', 'gid:23456', 'supplementary_gid:23456', 'supplementary_gid:34567'])
    assert.ok(all.includes(`unix:${own}`), own)
  assert.ok(!all.includes('unix:uid:0') && !all.includes('unix:user:root'))
})

test('who is root in a namespace of his own is not root here', { skip: UNLESS_ROOT || UNLESS_MOUNT }, async () => {
  using child = start('unshare', ['-Ur', 'sh', '-c', 'echo ready; exec sleep 60'], { uid: 12345, gid: 12345 })
  await started(child)
  const all = await selectorsOf(child)
  assert.ok(all.includes('unix:uid:12345') && !all.includes('unix:uid:0'))
})
