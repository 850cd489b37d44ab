import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Refusal } from '../problem.ts'
import { lanyard } from '../testing/fake-io.ts'
import { connectDaemon } from './daemon.ts'

/** A socket in a folder of this mode, which belongs to a group. */
async function socketIn(t: TestContext, mode: number, gid = process.getgid!()): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'admin-'))
  const server = createServer()
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  const path = join(folder, 's')
  await once(server.listen(path), 'listening')
  chownSync(folder, -1, gid)
  chmodSync(folder, mode)
  return path
}

const connect = (path: string, cwd = '/') =>
  connectDaemon({ 'admin-socket': path, 'daemon-uid': undefined }, { env: {}, cwd }).close()

const isUntrusted = (error: unknown) => error instanceof Refusal && error.problem.code === 'daemon_untrusted'

const ownGroup = process.getuid?.() === process.getgid?.()

test('a folder that the own group of its owner may write to is as good as one that the owner alone may', {
  skip: ownGroup ? false : 'the group of this user is not its own',
}, async t => {
  for (const mode of [0o700, 0o755, 0o775, 0o1777]) connect(await socketIn(t, mode))
})

test('a relative path counts from the folder of the caller', async t => {
  const path = await socketIn(t, 0o700)
  connect(basename(path), dirname(path))
  const isElsewhere = (error: unknown) => error instanceof Refusal && error.problem.code === 'daemon_unreachable'
  assert.throws(() => connect(basename(path)), isElsewhere)
})

test('where nobody serves it the remedy names what says where it is', async () => {
  const { err, exit } = await lanyard(['daemon', 'status', '--admin-socket', '/nowhere/s'])
  assert.equal(exit, 3)
  assert.match(err, /--admin-socket or LANYARD_ADMIN_SOCKET/)
})

test('one that others may write to is not trusted', async t => {
  const path = await socketIn(t, 0o777)
  assert.throws(() => connect(path), isUntrusted)
})

test('nor is one that another group may write to', {
  skip: process.getuid?.() === 0 ? false : 'only root gives a folder to another group',
}, async t => {
  const path = await socketIn(t, 0o775, 4242)
  assert.throws(() => connect(path), isUntrusted)
})

test('a folder that is closed to us asks for another user, and breaks nothing', {
  skip: process.getuid?.() === 0 ? false : 'only root becomes somebody else',
}, async t => {
  const path = await socketIn(t, 0o700)
  process.seteuid!(65_534)
  try {
    assert.throws(
      () => connect(path),
      (error: Refusal) => error.problem.code === 'launch_forbidden' && /Ask as root/.test(error.problem.remedy!),
    )
  } finally {
    process.seteuid!(0)
  }
})
