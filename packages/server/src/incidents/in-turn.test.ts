import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InTurn } from './in-turn.ts'

test('owners take turns, each with its oldest first', () => {
  const waiting = new InTurn<string>()
  for (let flood = 1; flood <= 4; flood++) waiting.add('rogue', `rogue ${flood}`)
  waiting.add('acme', 'acme 1')
  waiting.add(null, 'all 1')
  waiting.add('acme', 'acme 2')
  const taken: (string | undefined)[] = []
  for (let turn = 0; turn < 8; turn++) taken.push(waiting.take())
  assert.deepEqual(taken, ['rogue 1', 'acme 1', 'all 1', 'rogue 2', 'acme 2', 'rogue 3', 'rogue 4', undefined])
  waiting.add('acme', 'acme 3')
  assert.equal(waiting.take(), 'acme 3')
})
