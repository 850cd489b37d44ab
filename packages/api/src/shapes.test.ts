import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reason, Text } from './shapes.ts'

test('text is what every database gives back as it came', () => {
  for (const text of ['', 'größe', 'a\nb', '\u0001', '\u{1f600}']) assert.equal(Text.parse(text), text)
  for (const text of ['\0', 'a\0b', '\ud800', 'a\udfffb', '\udc00\ud800']) {
    assert.equal(Text.safeParse(text).success, false, JSON.stringify(text))
    assert.equal(Reason.safeParse(text).success, false, JSON.stringify(text))
  }
})
