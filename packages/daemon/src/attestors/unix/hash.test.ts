import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { start } from '../../peer/testing/peers.ts'
import { Hashes } from './hash.ts'

const SLEEP = realpathSync('/bin/sleep')
const expected = createHash('sha256').update(readFileSync(SLEEP)).digest('hex')

function run(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'hash-'))
  const path = join(folder, 'agent')
  copyFileSync(SLEEP, path)
  const child = start(path, ['60'])
  t.after(() => {
    child[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  return { pid: child.pid, stat: statSync(path, { bigint: true }) }
}

test('a file is read once, when it has been left alone for a while', async t => {
  const { pid, stat } = run(t)
  const hashes = new Hashes(1 << 30, () => Date.now() + 60_000)
  assert.deepEqual(await hashes.ofProcess(pid, stat), [expected])
  assert.deepEqual(await hashes.ofProcess(pid, stat), [expected])
  assert.equal(hashes.read, 1)
})

test('a file that has just changed is read each time', async t => {
  const { pid, stat } = run(t)
  const hashes = new Hashes(1 << 30, () => Number(stat.ctimeMs))
  await hashes.ofProcess(pid, stat)
  assert.deepEqual(await hashes.ofProcess(pid, stat), [expected])
  assert.equal(hashes.read, 2)
})

test('another file than the one that was looked at has no hash', async t => {
  const { pid } = run(t)
  const hashes = new Hashes(1 << 30)
  assert.deepEqual(await hashes.ofProcess(pid, statSync(SLEEP, { bigint: true })), [])
})
