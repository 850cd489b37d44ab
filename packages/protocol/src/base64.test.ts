import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as engine from './base64.ts'
import * as portable from './base64-portable.ts'
import { acceptedOctets, codeOf, octetsOf, refuses } from './refusals.suite.ts'

const anyBytes = fc.uint8Array({ maxLength: 200 })
const character = String.fromCharCode
const DIGITS = '0123456789'
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

for (const [whose, base64] of Object.entries({ engine, portable }))
  describe(`base64 of the ${whose}`, () => {
    const { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } = base64
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
