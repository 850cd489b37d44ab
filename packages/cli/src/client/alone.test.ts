import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { alone } from './alone.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-alone-'))
after(() => rmSync(folder, { recursive: true }))

test('one after the other, whoever began first, and nothing is left behind', async () => {
  const file = join(folder, 'deeper', 'one.lock')
  let within = 0
  let most = 0
  const act = async (n: number) => {
    within += 1
    most = Math.max(most, within)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    await new Promise(resolve => setImmediate(resolve))
    within -= 1
    return n
  }
  assert.deepEqual(await Promise.all([1, 2, 3].map(n => alone(file, () => act(n)))), [1, 2, 3])
  assert.equal(most, 1)
  assert.ok(!existsSync(file))
})

test('what fails lets the next one in', async () => {
  const file = join(folder, 'two.lock')
  await assert.rejects(
    alone(file, async () => {
      throw new Error('failed')
    }),
    /failed/,
  )
  assert.equal(await alone(file, async () => 'in'), 'in')
})

test('what a process left behind that ended is taken over', async () => {
  const file = join(folder, 'three.lock')
  writeFileSync(file, 'of the dead')
  const long = Date.now() / 1000 - 600
  utimesSync(file, long, long)
  assert.equal(await alone(file, async () => 'in'), 'in')
  assert.ok(!existsSync(file))
})

test('whoever was taken for dead does not take the place of another away', async () => {
  const file = join(folder, 'four.lock')
  await alone(file, async () => writeFileSync(file, 'of another'))
  assert.ok(existsSync(file))
})
