import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('who asks during a run gets another one, together with all who ask then', async () => {
  const turns = new Turns(1)
  const gates: (() => void)[] = []
  let runs = 0
  const work = () => {
    runs++
    return new Promise<void>(resolve => gates.push(resolve))
  }
  const first = turns.run('a', work)
  await Promise.resolve().then(() => {})
  const [second, third] = [turns.run('a', work), turns.run('a', work)]
  assert.equal(second, third)
  gates.shift()!()
  await first
  while (gates.length === 0) await Promise.resolve()
  assert.equal(runs, 2)
  gates.shift()!()
  await second
  assert.equal(runs, 2)
})

test('no more run at once than may, and one that fails makes room', async () => {
  const turns = new Turns(2)
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    throw new Error('failed')
  }
  const done = await Promise.allSettled(Array.from({ length: 9 }, (_, name) => turns.run(name, work)))
  assert.ok(done.every(({ status }) => status === 'rejected'))
  assert.equal(most, 2)
  await assert.rejects(turns.run(0, work), /failed/)
})
