import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_FEED_LINE_BYTES } from '@lanyard/protocol'
import { Lines } from './lines.ts'

test('the same lines, wherever the stream is cut', () => {
  const text = 'a\nbb\n\nccc\n'
  for (let cut = 0; cut <= text.length; cut++) {
    const seen: string[] = []
    const lines = new Lines(line => seen.push(line))
    assert.ok(lines.take(Buffer.from(text.slice(0, cut))))
    assert.ok(lines.take(Buffer.from(text.slice(cut))))
    assert.deepEqual(seen, ['a', 'bb', 'ccc'])
  }
})

test('a line without an end is not kept', () => {
  const lines = new Lines(() => assert.fail('no line'))
  const chunk = Buffer.alloc(1 << 20, 0x61)
  const taken = Array.from({ length: MAX_FEED_LINE_BYTES / chunk.length + 1 }, () => lines.take(chunk))
  assert.equal(taken.indexOf(false), taken.length - 1)
})
