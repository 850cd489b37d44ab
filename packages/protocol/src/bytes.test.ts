import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concat, decodeUtf8, encodeUtf8, equalBytes, equalSecrets, fromHex, toHex } from './bytes.ts'
import type { ProtocolCode } from './errors.ts'
import { acceptedOctets, bytesOf, codeOf, hostileTable, octetsOf, refuses } from './refusals.suite.ts'

const anyBytes = fc.uint8Array({ maxLength: 200 })
const character = String.fromCharCode
const DIGITS = '0123456789'

describe('hex', () => {
  it('is that of Buffer, and reads back', () => {
    fc.assert(
      fc.property(anyBytes, bytes => {
        assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
        assert.deepEqual(fromHex(toHex(bytes)), bytes)
      }),
    )
  })

  it('takes 0-9 and a-f in each place, of all octets', () => {
    for (const place of [(c: string) => `${c}0`, (c: string) => `0${c}`])
      assert.deepEqual(
        acceptedOctets(octet => fromHex(place(character(octet)))),
        octetsOf(`${DIGITS}abcdef`),
      )
  })

  it('refuses half a byte, and what looks like digits', () => {
    for (const text of ['0', '000', '0x00', ' 00', '00\n', '\u0660\u0660', '\uff10\uff10'])
      refuses('hex_invalid', () => fromHex(text), text)
  })
})

describe('UTF-8', () => {
  it('is that of Buffer, and reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
        const bytes = new Uint8Array(Buffer.from(text, 'utf8'))
        assert.deepEqual(encodeUtf8(text), bytes)
        assert.equal(decodeUtf8(bytes), text)
      }),
      { numRuns: 500 },
    )
  })

  it('judges bytes as the strict TextDecoder does', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const lead = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
    )
    const bytes = fc.array(fc.oneof(lead, fc.integer({ min: 0x80, max: 0xbf }), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(bytes, octets => {
        const input = Uint8Array.from(octets)
        let expected: string | null = null
        try {
          expected = strict.decode(input)
        } catch {}
        const code: ProtocolCode | null = codeOf(() => assert.equal(decodeUtf8(input), expected))
        assert.equal(code, expected === null ? 'utf8_invalid' : null)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuses lone surrogates in a text', () => {
    for (const text of ['\ud800', 'a\udfff', '\udc00\ud800', '\ud83d\u0041'])
      refuses('utf8_invalid', () => encodeUtf8(text))
  })

  hostileTable(
    [
      ['c0 80', 'utf8_invalid', 'NUL in two bytes'],
      ['e0 80 af', 'utf8_invalid', 'a slash in three bytes'],
      ['f0 80 80 af', 'utf8_invalid', 'a slash in four bytes'],
      ['ed a0 80', 'utf8_invalid', 'a surrogate'],
      ['f4 90 80 80', 'utf8_invalid', 'beyond U+10FFFF'],
      ['41 c3', 'utf8_invalid', 'cut short'],
      ['80', 'utf8_invalid', 'a continuation without beginning'],
      ['ef bb bf 41', null, 'a byte order mark is a character like others'],
    ],
    decodeUtf8,
  )
})

describe('comparing and joining', () => {
  it('tells equal from different, in both ways alike', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const same = Buffer.compare(a, b) === 0
        assert.equal(equalBytes(a, b), same)
        assert.equal(equalSecrets(a, b), same)
        assert.ok(equalBytes(a, a.slice()) && equalSecrets(a, a.slice()))
        assert.deepEqual(concat(a, b), new Uint8Array(Buffer.concat([a, b])))
      }),
    )
  })

  it('sees a difference of one bit', () => {
    assert.equal(equalSecrets(bytesOf('00ff01'), bytesOf('00ff00')), false)
    assert.equal(equalBytes(bytesOf('00ff01'), bytesOf('00ff00')), false)
  })
})
