import assert from 'node:assert/strict'
import { test } from 'node:test'
import { within } from './deadline.ts'
import { Turns } from './turns.ts'

test('one file that never answers holds up its own user alone', async () => {
  const turns = new Turns()
  const never = turns.take(1001, () => new Promise<never>(() => {}))
  const behind = turns.take(1001, async () => 'behind')
  assert.equal(await turns.take(1002, async () => 'other'), 'other')
  for (const stuck of [never, behind])
    await assert.rejects(within(stuck, 'the file', 5), { code: 'attestation_failed' })
})

test('a failure does not end the turns of a user', async () => {
  const turns = new Turns()
  await assert.rejects(
    turns.take(1, async () => {
      throw new Error('first')
    }),
    /first/,
  )
  assert.equal(await turns.take(1, async () => 'second'), 'second')
})
