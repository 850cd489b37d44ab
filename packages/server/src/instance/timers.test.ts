import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemTimers } from './timers.ts'

const settled = () => new Promise(resolve => setImmediate(resolve))

test('a task runs again and again, never twice at once, until it is stopped', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let runs = 0
  let finish = () => {}
  const stop = systemTimers.every(1000, () => {
    runs++
    return new Promise<void>(resolve => {
      finish = resolve
    })
  })
  const turns: number[] = []
  const turn = async () => {
    t.mock.timers.tick(1000)
    await settled()
    turns.push(runs)
  }
  await turn()
  await turn()
  finish()
  await settled()
  await turn()
  stop()
  stop()
  finish()
  await settled()
  await turn()
  assert.deepEqual(turns, [1, 1, 2, 2])
})
