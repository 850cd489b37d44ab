import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestTime } from './testing/test-time.ts'
import { Alarm, LOOK_EVERY_MS, pause, systemTime } from './time.ts'

const MINUTE = 60_000

function alarmAt(time: TestTime, inMs: number): { readonly rung: number[] } {
  const rung: number[] = []
  new Alarm(time).set(time.now() + inMs, () => rung.push(time.now()))
  return { rung }
}

test('an alarm rings once, at its moment', () => {
  const time = new TestTime(0)
  const { rung } = alarmAt(time, 10 * MINUTE)
  time.advance(10 * MINUTE - 1)
  assert.deepEqual(rung, [])
  time.advance(MINUTE)
  assert.deepEqual(rung, [10 * MINUTE])
  assert.equal(time.waiting, 0)
})

test('after sleep an alarm that was due rings at the next look', () => {
  const time = new TestTime(0)
  const { rung } = alarmAt(time, 10 * MINUTE)
  time.advance(MINUTE)
  time.jump(60 * MINUTE)
  time.advance(LOOK_EVERY_MS)
  assert.equal(rung.length, 1)
})

test('a wall clock that is set back does not put an alarm off', () => {
  const time = new TestTime(100 * MINUTE)
  const { rung } = alarmAt(time, 2 * MINUTE)
  time.jump(-60 * MINUTE)
  time.advance(2 * MINUTE)
  assert.equal(rung.length, 1)
})

test('a new moment replaces the old one, and a cleared alarm stays silent', () => {
  const time = new TestTime(0)
  const alarm = new Alarm(time)
  const rung: string[] = []
  alarm.set(MINUTE, () => rung.push('old'))
  alarm.set(2 * MINUTE, () => rung.push('new'))
  time.advance(3 * MINUTE)
  assert.deepEqual(rung, ['new'])
  alarm.set(time.now() + 1, () => rung.push('cleared'))
  alarm.clear()
  time.advance(MINUTE)
  assert.deepEqual(rung, ['new'])
  assert.equal(time.waiting, 0)
})

test('an alarm for a moment that is past rings in the next turn, not in the call', () => {
  const time = new TestTime(MINUTE)
  const { rung } = alarmAt(time, -1)
  assert.deepEqual(rung, [])
  time.advance(0)
  assert.equal(rung.length, 1)
})

test('a pause ends in time, or with the reason of its signal', async () => {
  const time = new TestTime(0)
  const ended = pause(time, 100)
  time.advance(100)
  await ended
  const reason = new Error('enough')
  const controller = new AbortController()
  const broken = pause(time, 100, controller.signal)
  controller.abort(reason)
  await assert.rejects(broken, reason)
  await assert.rejects(pause(time, 100, controller.signal), reason)
  assert.equal(time.waiting, 0)
})

test('the time of the machine: a wall clock, a steady clock, and timers that can be taken back', async () => {
  assert.ok(Math.abs(systemTime.now() - Date.now()) < 1000)
  const before = systemTime.monotonic()
  systemTime.after(0, () => assert.fail('it was taken back'))()
  await new Promise<void>(resolve => systemTime.after(1, resolve, { hold: true }))
  assert.ok(systemTime.monotonic() > before)
})
