import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card, duration, rfc3339, table, visible } from './layout.ts'
import { PLAIN } from './paint.ts'
import { Misuse } from './problem.ts'
import { parseTime } from './rfc3339.ts'

test('every character that could steer a terminal is written out', () => {
  for (let code = 0; code < 0x3000; code++) {
    const char = String.fromCharCode(code)
    const steers = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(char)
    assert.equal(visible(char) === char, !steers, code.toString(16))
  }
  assert.equal(visible(null), '-')
})

const DURATIONS: readonly (readonly [seconds: number, shown: string])[] = [
  [0, '0 s'],
  [0.4, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [252, '4 min 12 s'],
  [3600, '1 h'],
  [3601, '1 h'],
  [7384, '2 h 3 min'],
  [86_400, '1 d'],
  [90_061, '1 d 1 h'],
  [-90, '1 min 30 s'],
]

for (const [seconds, shown] of DURATIONS)
  test(`${seconds} seconds are ${shown}`, () => assert.equal(duration(seconds), shown))

test('columns are as wide as their widest value, and lines end without blanks', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['wide value', 1],
        ['b', null],
      ],
      PLAIN,
    ),
    'A           LONG\nwide value  1\nb           -',
  )
  assert.equal(
    card(
      [
        ['a', 1],
        ['bcd', 'x\ny'],
      ],
      PLAIN,
    ),
    'a    1\nbcd  x\\u000ay',
  )
})

test('times are RFC 3339 and nothing else', () => {
  assert.equal(rfc3339(parseTime('2026-11-21T06:00:00.999Z', '--at')), '2026-11-21T06:00:00Z')
  assert.equal(parseTime('2026-11-21t08:00:00+02:00', '--at'), Date.UTC(2026, 10, 21, 6))
  for (const text of [
    '2026-11-21',
    '2026-11-21T06:00Z',
    '2026-11-21T06:00:00',
    '20261121T060000Z',
    '2026-13-01T00:00:00Z',
    '2026-02-30T25:00:00Z',
    'now',
    '1795240800',
    ' 2026-11-21T06:00:00Z',
  ])
    assert.throws(() => parseTime(text, '--at'), Misuse, text)
})
