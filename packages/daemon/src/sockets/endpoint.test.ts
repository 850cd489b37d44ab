import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FakeProcess, FakeTime, FakeWorkloads, noLog, noMeter } from '../testing/index.ts'
import { serveWorkloadApi } from '../workload-api/serve.ts'
import { world } from '../workload-api/world.suite.ts'
import { socketPathOf } from './endpoint.ts'

const serve = (path: string) =>
  serveWorkloadApi({
    path,
    workloads: new FakeWorkloads(),
    log: noLog,
    meter: noMeter,
    time: new FakeTime(),
    processOf: () => new FakeProcess(),
  })

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wapi-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const addresses = [
  ['unix:///run/a.sock', '/run/a.sock'],
  ['/run/a.sock', '/run/a.sock'],
  ['tcp://127.0.0.1:8000', null],
  ['tcp://0.0.0.0:8000', null],
  ['unix://a.sock', null],
  ['unix:///a?b', null],
  ['unix:///a#b', null],
  ['a.sock', null],
  ['', null],
  ['/a\0b', null],
] as const

for (const [address, path] of addresses)
  test(`the address ${JSON.stringify(address)}`, () => {
    if (path === null) assert.throws(() => socketPathOf(address), { code: 'config_invalid' })
    else assert.equal(socketPathOf(address), path)
  })

test('every local user may open the socket: who asks is attested', async t => {
  const { path } = await world(t)
  assert.equal(statSync(path).mode & 0o777, 0o777)
})

test('a folder that others write, where they could put another socket, is refused', async t => {
  const folder = folderFor(t)
  for (const mode of [0o777, 0o775, 0o757]) {
    const open = join(folder, mode.toString(8))
    mkdirSync(open)
    chmodSync(open, mode)
    await assert.rejects(serve(join(open, 's')), { code: 'permissions_too_wide' })
  }
  const sticky = join(folder, 'sticky')
  mkdirSync(sticky)
  chmodSync(sticky, 0o1777)
  await (await serve(join(sticky, 's'))).close()
})

test('a folder above that others write, where they could put a link to another folder, is refused', async t => {
  const folder = folderFor(t)
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  await assert.rejects(serve(join(open, 'a', 'b', 's')), { code: 'permissions_too_wide' })
  assert.deepEqual(readdirSync(open), [], 'nothing is made there')
  // Also where a link of our own leads through it.
  mkdirSync(join(open, 'inner'))
  symlinkSync(join(open, 'inner'), join(folder, 'link'))
  await assert.rejects(serve(join(folder, 'link', 's')), { code: 'permissions_too_wide' })
  symlinkSync('round', join(folder, 'round'))
  await assert.rejects(serve(join(folder, 'round', 's')), { code: 'permissions_too_wide' })
})

test('a folder is made, and may be reached by a link', async t => {
  const folder = folderFor(t)
  const server = await serve(join(folder, 'a', 'b', 's'))
  await server.close()
  symlinkSync(join(folder, 'a', 'b'), join(folder, 'link'))
  await (await serve(join(folder, 'link', 's'))).close()
})

test('what a daemon that was killed left behind makes way, what is served does not', async t => {
  const folder = folderFor(t)
  const path = join(folder, 's')
  const first = await serve(path)
  await assert.rejects(serve(path), { code: 'socket_unusable' })
  await first.close()
  // A socket file without anybody behind it.
  const lost = createServer()
  await new Promise<void>(resolve => lost.listen(join(folder, 'other'), resolve))
  renameSync(join(folder, 'other'), path)
  await new Promise(resolve => lost.close(resolve))
  await (await serve(path)).close()
})

test('a file that is no socket, and a path that is too long, are refused', async t => {
  const folder = folderFor(t)
  writeFileSync(join(folder, 's'), 'precious')
  await assert.rejects(serve(join(folder, 's')), { code: 'socket_unusable' })
  await assert.rejects(serve(join(folder, 'x'.repeat(120))), { code: 'socket_unusable' })
})
