import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isoTime } from './time.ts'

test('RFC 3339 as Date writes it, for every millisecond from year 0 to 9999', () => {
  const range = { min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') }
  fc.assert(
    fc.property(fc.integer(range), ms => {
      assert.equal(isoTime(ms, 'milliseconds'), new Date(ms).toISOString())
      assert.equal(isoTime(ms), `${new Date(ms).toISOString().slice(0, 19)}Z`)
    }),
  )
})
