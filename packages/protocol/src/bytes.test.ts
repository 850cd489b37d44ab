import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  concat,
  decodeBase64,
  decodeBase64Url,
  decodeUtf8,
  encodeBase64,
  encodeBase64Url,
  encodeUtf8,
  equalBytes,
  equalSecrets,
  fromHex,
  toHex,
} from './bytes.ts'
import type { ProtocolCode } from './errors.ts'
import { acceptedOctets, bytesOf, codeOf, hostileTable, octetsOf, refuses } from './refusals.suite.ts'

const anyBytes = fc.uint8Array({ maxLength: 200 })
const character = String.fromCharCode
const DIGITS = '0123456789'
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

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

describe('base64', () => {
  const forms = [
    ['base64', encodeBase64, decodeBase64, '+/'],
    ['base64url', encodeBase64Url, decodeBase64Url, '-_'],
  ] as const

  for (const [name, encode, decode, special] of forms) {
    it(`${name} is that of Buffer, and reads back`, () => {
      fc.assert(
        fc.property(anyBytes, bytes => {
          assert.equal(encode(bytes), Buffer.from(bytes).toString(name))
          assert.deepEqual(decode(encode(bytes)), bytes)
        }),
      )
    })

    it(`${name} takes its alphabet in each place of a group, of all octets`, () => {
      for (let place = 0; place < 4; place++) {
        const text = (octet: number) => `AAAA${'A'.repeat(place)}${character(octet)}${'A'.repeat(3 - place)}AAAA`
        assert.deepEqual(
          acceptedOctets(octet => decode(text(octet))),
          octetsOf(DIGITS + LETTERS + special),
        )
      }
    })

    it(`${name} has one text for each value: what is accepted encodes to itself`, () => {
      fc.assert(
        fc.property(fc.stringMatching(/^[A-Za-z0-9+/_=-]{0,12}$/), text => {
          if (codeOf(() => decode(text)) === null) assert.equal(encode(decode(text)), text)
        }),
        { numRuns: 2000 },
      )
    })
  }

  it('survives lengths beyond one piece', () => {
    const long = new Uint8Array(100_000).map((_, index) => index * 7)
    assert.equal(encodeBase64(long), Buffer.from(long).toString('base64'))
    assert.deepEqual(decodeBase64(encodeBase64(long)), long)
  })

  const HOSTILE: readonly [text: string, why: string][] = [
    ['AA', 'padding is missing'],
    ['AAA', 'padding is missing'],
    ['AA=', 'padding is short'],
    ['AA=A', 'padding in the middle'],
    ['A===', 'three characters of padding'],
    ['====', 'nothing but padding'],
    ['AAAA====', 'a group of padding'],
    ['AAAA=', 'padding too many'],
    ['AB==', 'spare bits are not zero'],
    ['AAB=', 'spare bits are not zero'],
    ['AA\nA', 'a line break'],
    [' AAA', 'a blank'],
    ['AAAÁ', 'beyond ASCII'],
    ['AAA\u0141', 'a character whose low byte is in the alphabet'],
  ]
  for (const [text, why] of HOSTILE)
    it(`refuses ${JSON.stringify(text)}: ${why}`, () => refuses('base64_invalid', () => decodeBase64(text)))

  const HOSTILE_URL = ['A', 'AAAAA', 'AA==', 'AAA=', 'AB', 'AAB', 'AA.A', 'AA A', 'AAA\n', '+AAA', '/AAA']
  for (const text of HOSTILE_URL)
    it(`refuses ${JSON.stringify(text)} as base64url`, () => refuses('base64_invalid', () => decodeBase64Url(text)))
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
