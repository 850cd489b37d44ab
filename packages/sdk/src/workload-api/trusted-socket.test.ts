import assert from 'node:assert/strict'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { temporaryFolder } from '../testing/files.ts'
import { peerUid } from './peer-uid.ts'
import { checkEndpoint, checkPeer, isOpenToOthers, trustedUids } from './trusted-socket.ts'

const own = process.getuid?.() ?? 0
const trusted = new Set([0, own])
const strangers = new Set([own + 4_000_000])

describe('checkEndpoint', () => {
  const check = (path: string, uids: ReadonlySet<number> | null = trusted) =>
    checkEndpoint({ kind: 'unix', path }, uids)
  const refused = { code: 'workload_api_untrusted' }

  it('lets the socket of a trusted user pass, open to everyone as it is', async t => {
    const path = await listening(t)
    await chmod(path, 0o777)
    assert.deepEqual(await check(path), { kind: 'unix', path })
  })

  it('refuses the socket of another user', async t => {
    await assert.rejects(check(await listening(t), strangers), refused)
  })

  it('refuses a socket in a folder that others may write to', async t => {
    const path = await listening(t)
    for (const mode of [0o702, 0o777]) {
      await chmod(dirname(path), mode)
      await assert.rejects(check(path), refused, mode.toString(8))
    }
    await chmod(dirname(path), 0o1777)
    await check(path)
  })

  it('refuses a socket below a folder that others may write to', async t => {
    const path = await listening(t, 'inner')
    await chmod(dirname(dirname(path)), 0o777)
    await assert.rejects(check(path), refused)
  })

  it('refuses a link in a folder that others may write to', async t => {
    const path = await listening(t)
    const folder = await temporaryFolder(t)
    await symlink(path, join(folder, 'link'))
    assert.deepEqual(await check(join(folder, 'link')), { kind: 'unix', path })
    await chmod(folder, 0o777)
    await assert.rejects(check(join(folder, 'link')), refused)
  })

  it('says what is missing', async t => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'file'), '')
    for (const path of [join(folder, 'absent'), join(folder, 'file'), folder])
      await assert.rejects(check(path), { code: 'workload_api_unreachable' })
  })

  it('takes TCP on this machine alone', async () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1']) await checkEndpoint({ kind: 'tcp', host, port: 1 }, trusted)
    for (const host of ['1.2.3.4', '0.0.0.0', '::', '::ffff:127.0.0.1'])
      await assert.rejects(checkEndpoint({ kind: 'tcp', host, port: 1 }, trusted), refused)
  })
})

describe('isOpenToOthers', () => {
  const rows: readonly [mode: number, gid: number, open: boolean, why: string][] = [
    [0o700, 1000, false, 'its owner alone'],
    [0o755, 100, false, 'others may read'],
    [0o775, 1000, false, 'a group of the owner alone'],
    [0o775, 100, true, 'a group of several'],
    [0o777, 1000, true, 'everybody'],
    [0o1777, 0, false, 'everybody, and sticky'],
  ]
  for (const [mode, gid, open, why] of rows)
    it(`${mode.toString(8)}: ${why}`, () => assert.equal(isOpenToOthers({ uid: 1000, gid, mode }), open))
})

describe('checkPeer', () => {
  it('asks the kernel who listens', async t => {
    const path = await listening(t)
    const socket = await connected(t, path)
    const uid = peerUid(socket)
    if (uid === null) return t.skip('koffi is not installed here')
    assert.equal(uid, own)
    checkPeer(socket, { kind: 'unix', path }, trusted)
    assert.throws(() => checkPeer(socket, { kind: 'unix', path }, strangers), { code: 'workload_api_untrusted' })
  })
})

describe('trustedUids', () => {
  it('are root, the own one, and those that are named', () => {
    assert.deepEqual(trustedUids([7]), new Set([0, own, 7]))
  })
})

async function listening(t: TestContext, inner = ''): Promise<string> {
  const folder = join(await temporaryFolder(t), inner)
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'w.sock')
  const server = createServer()
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.after(() => server.close())
  return path
}

function connected(t: TestContext, path: string): Promise<Socket> {
  return new Promise(resolve => {
    const socket = connect(path, () => resolve(socket))
    t.after(() => socket.destroy())
  })
}
