import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { stopSignal } from './stop-signals.ts'

function listening() {
  const signals = new EventEmitter()
  let [atOnce, pass] = [0, () => {}]
  const signal = stopSignal(
    signals,
    () => atOnce++,
    over => {
      pass = over
    },
  )
  return { signal, press: () => signals.emit('SIGINT'), pass: () => pass(), atOnce: () => atOnce }
}

test('a signal stops in good order, also where it comes once more by the launcher', () => {
  const { signal, press, atOnce } = listening()
  assert.equal(signal.aborted, false)
  press()
  press()
  assert.deepEqual([signal.aborted, atOnce()], [true, 0])
})

test('pressed again it means at once: the third that comes, or the second after a while', () => {
  const quick = listening()
  for (let i = 0; i < 3; i++) quick.press()
  assert.equal(quick.atOnce(), 1)

  const slow = listening()
  slow.press()
  slow.pass()
  slow.press()
  assert.equal(slow.atOnce(), 1)
})
