import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ring } from './ring.ts'

const line = (text: string) => Buffer.from(text)

test('lines keep their numbers, and the oldest leave first', () => {
  const ring = new Ring(3, 1000)
  for (const text of ['a', 'b', 'c', 'd', 'e']) ring.push(line(text))
  assert.deepEqual([ring.start, ring.end], [2, 5])
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map(number => ring.at(number)?.toString()),
    [undefined, undefined, 'c', 'd', 'e', undefined],
  )
})

test('bytes are bounded as well, but the newest line is always there', () => {
  const ring = new Ring(100, 10)
  for (let i = 0; i < 5; i++) ring.push(line('four'))
  assert.equal(ring.end - ring.start, 2)
  ring.push(line('more than ten bytes'))
  assert.deepEqual([ring.start, ring.end], [5, 6])
  assert.equal(ring.at(5)!.toString(), 'more than ten bytes')
})
