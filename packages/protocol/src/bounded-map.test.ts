import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { BoundedMap } from './bounded-map.ts'

it('keeps what was set last, in that order, and no more than it may', () => {
  const step = fc.record({ key: fc.nat(6), value: fc.option(fc.nat(), { nil: undefined }), gone: fc.boolean() })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (most, steps) => {
      const map = new BoundedMap<number, number | undefined>(most)
      let expected: [number, number | undefined][] = []
      for (const { key, value, gone } of steps) {
        const others = expected.filter(([other]) => other !== key)
        if (gone) assert.equal(map.delete(key), others.length < expected.length)
        else assert.equal(map.set(key, value), map)
        expected = gone ? others : [...others, [key, value] as [number, number | undefined]].slice(-most)
        assert.deepEqual([...map], expected)
        assert.equal(map.size, expected.length)
      }
    }),
  )
})

it('is moved by setting alone', () => {
  const map = new BoundedMap<string, number>(2).set('a', 1).set('b', 2)
  assert.equal(map.get('a'), 1)
  assert.equal(map.has('a'), true)
  assert.deepEqual([...map.set('c', 3).keys()], ['b', 'c'])
  assert.deepEqual(
    [...map.set('b', 4).set('d', 5).entries()],
    [
      ['b', 4],
      ['d', 5],
    ],
  )
})

it('holds nothing where nothing is let in', () => {
  assert.equal(new BoundedMap<string, number>(0).set('a', 1).size, 0)
})
