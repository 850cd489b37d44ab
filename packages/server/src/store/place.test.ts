import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instanceOf, placeOf, seqOf, spanOf } from './place.ts'

const instances = fc.integer({ min: 1, max: 2 ** 13 })
const seqs = fc.integer({ min: 0, max: 2 ** 40 - 1 })

test('a place holds instance and seq, and fits into a number', () => {
  fc.assert(
    fc.property(instances, seqs, (instance, seq) => {
      const place = placeOf(instance, seq)
      assert.ok(Number.isSafeInteger(place))
      assert.deepEqual([instanceOf(place), seqOf(place)], [instance, seq])
      const { first, last } = spanOf(instance)
      assert.ok(first <= place && place <= last && last < spanOf(instance + 1).first)
    }),
  )
})
