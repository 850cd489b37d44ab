import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Turns } from './thread-time.ts'

const busy = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('however many calls ask about many things, one of them works in a turn of the loop, each in its turn', async () => {
  const worked: number[] = []
  let loops = 0
  let over = false
  const loop = (async () => {
    while (!over) {
      await setImmediate()
      loops++
    }
  })()
  await Promise.all(
    Array.from({ length: 10 }, async (_, call) => {
      const turns = new Turns()
      for (let at = 0; at < 3; at++) {
        await turns.mine()
        worked.push(call)
        busy(3)
      }
    }),
  )
  over = true
  await loop
  assert.deepEqual(
    worked,
    [...Array(30).keys()].map(at => at % 10),
  )
  assert.ok(loops >= 29, `${loops} turns of the loop`)
})
