import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import type { Limits, Outcome } from './test-file.ts'

const CHILD = join(import.meta.dirname, 'testing/run-file.child.ts')
const folder = mkdtempSync(join(tmpdir(), 'lanyard-test-file-'))
after(() => rmSync(folder, { recursive: true }))

interface Told extends Outcome {
  readonly passed: readonly string[]
  readonly failed: readonly string[]
}

async function ran(code: string, limits: Partial<Limits>): Promise<Told> {
  const file = join(folder, 'some.test.mjs')
  writeFileSync(file, `import test from 'node:test'\nimport { spawn } from 'node:child_process'\n${code}`)
  const { NODE_TEST_CONTEXT: _own, ...env } = process.env
  const given: Limits = { testMs: 60_000, fileMs: 60_000, graceMs: 60_000, ...limits }
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, file, JSON.stringify(given)], { env })
  return JSON.parse(stdout) as Told
}

test('a file that ends by itself is left alone', async () => {
  const told = await ran(`test('one', () => {})\ntest('two', () => { throw new Error('no') })`, {})
  assert.deepEqual(told, { ended: null, left: [], passed: ['one'], failed: ['two'] })
})

for (const [why, code] of [
  ['does not load', `throw new Error('no')`],
  ['ends with a status', `test('one', () => {})\nsetTimeout(() => process.exit(3), 100)`],
  ['is killed', `test('one', () => {})\nsetTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`],
  ['throws when its tests are done', `test('one', () => void setTimeout(() => { throw new Error('no') }, 100))`],
  ['fails to clean up', `test.after(() => { throw new Error('no') })\ntest('one', () => {})`],
] as const)
  test(`a file that ${why} has failed, whatever its tests say`, async () => {
    const { failed } = await ran(code, {})
    assert.equal(failed.length, 1)
    assert.match(failed[0]!, /some\.test\.mjs$/)
  })

test('a suite that fails to clean up has failed, and one whose tests failed says nothing more', async () => {
  const one = `test.describe('one', () => { test.after(() => { throw new Error('no') }); test('a', () => {}) })`
  const two = `test.describe('two', () => { test('b', () => { throw new Error('no') }) })`
  const { passed, failed } = await ran(`${one}\n${two}`, {})
  assert.deepEqual([passed, failed], [['a'], ['one', 'b']])
})

test('a test that waits for ever fails by its name, and the next one runs', async () => {
  const told = await ran(`${WAITS}\ntest('next', () => clearInterval(busy))`, { testMs: 1_000 })
  assert.deepEqual(told, { ended: null, left: [], passed: ['next'], failed: ['waits'] })
})
const WAITS = `let busy\ntest('waits', () => new Promise(() => (busy = setInterval(() => {}, 1000))))`

const onLinux = { skip: process.platform !== 'linux' }

test('a file that something keeps open is ended, and what it was doing is told', onLinux, async () => {
  const { ended } = await ran(WAITS, { fileMs: 2_000 })
  assert.match(ended!, /some\.test\.mjs was ended after 2 s: .*\n +\d+ of \d+: .*some\.test\.mjs/)
})

test('so is what it started, also where that was handed to the system', onLinux, async () => {
  const code = `test('leaves', () => void spawn('sh', ['-c', 'sleep 71 & exit'], { stdio: 'inherit', detached: true }))`
  const { ended, passed } = await ran(code, { fileMs: 10_000 })
  assert.match(ended!, /every test was done.*\n[\s\S]*\d+ of \d+: sleep 71/)
  assert.deepEqual(passed, ['leaves'])
})

test('what a file leaves running without holding its output is named and ended', onLinux, async () => {
  const code = `test('leaves', () => spawn('sleep', ['72'], { stdio: 'ignore', detached: true }).unref())`
  const { ended, left } = await ran(code, { graceMs: 100 })
  assert.equal(ended, null)
  assert.match(left.join('\n'), /^ +\d+ of \d+: sleep 72/)
})

test('a loop without a pause, which nothing is heard of, is ended too', onLinux, async () => {
  const { ended } = await ran(`test('loops', () => { for (;;); })`, { testMs: 100, fileMs: 2_000 })
  assert.match(ended!, /some\.test\.mjs was ended after 2 s: it told of no test/)
})
