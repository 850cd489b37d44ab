import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseQuery } from './query.ts'

test('reads what URLSearchParams writes', () => {
  const pairs = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), {
    selector: ([name]) => name,
  })
  fc.assert(
    fc.property(pairs, given => {
      const read = parseQuery(new URLSearchParams(given).toString())
      assert.deepEqual(Object.entries(read).sort(), [...given].sort())
    }),
  )
})

test('has no prototype to be reached', () => {
  assert.equal(Object.getPrototypeOf(parseQuery('__proto__=x')), null)
})

test('refuses what two readers read differently', () => {
  for (const text of ['a=1&a=2', 'a&a', 'a=1&%61=2', 'a=%', 'a=%zz', 'a=%ff', '%=1', '&', 'a=1&&b=2&', '&a=1&']) {
    assert.throws(() => parseQuery(text), { code: 'query_invalid' }, text)
  }
})
