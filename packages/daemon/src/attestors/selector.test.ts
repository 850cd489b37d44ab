import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectors } from './selector.ts'

test('what no entry could hold is left out, not changed', () => {
  const hostile = ['', 'a\nb', 'a\0b', 'a\u2028b', 'a\u202eb', '\ud800', 'x'.repeat(512), 'a\u007f']
  assert.deepEqual(selectors('unix', { path: [...hostile, '/bin/a b', '/ü'] }), ['unix:path:/bin/a b', 'unix:path:/ü'])
})
