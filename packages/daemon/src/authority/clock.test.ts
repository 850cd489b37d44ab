import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeTime } from '../testing/index.ts'
import { AuthorityClock } from './clock.ts'

const AUTHORITY = 2_000_000_000_000

function world() {
  const time = new FakeTime(1_000_000_000_000)
  const clock = new AuthorityClock(time)
  return { time, clock }
}

test('is that of the machine until the authority has spoken', () => {
  const { time, clock } = world()
  assert.equal(clock.now(), time.now())
  clock.told(AUTHORITY)
  assert.equal(clock.now(), AUTHORITY)
})

test('goes on by the steady clock while the authority speaks, whoever sets the other one', async () => {
  const { time, clock } = world()
  clock.told(AUTHORITY)
  await time.advance(1_000)
  for (const jump of [3_600_000, -7_200_000]) {
    time.jump(jump)
    assert.equal(clock.now(), AUTHORITY + 1_000)
  }
})

test('lets nothing live longer for a machine that slept, or whose clock was set back', async () => {
  const { time, clock } = world()
  clock.told(AUTHORITY)
  await time.advance(10_000)
  time.jump(400_000)
  assert.equal(clock.now(), AUTHORITY + 410_000)
  time.jump(-3_600_000)
  assert.equal(clock.now(), AUTHORITY + 10_000)
})
