import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { acceptedOctets, codeOf, octetsOf, refuses } from '../refusals.suite.ts'
import { decodeOid, encodeOid } from './oid.ts'
import { decodeInteger, encodeInteger } from './primitives.ts'
import { decodeString, encodeString } from './strings.ts'
import { contextPrimitive, TAG } from './tags.ts'
import { decodeTime, encodeTime, timeTag } from './time.ts'
import { type DerValue, encodeValue, parseValue } from './value.ts'
import { element } from './writer.ts'

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LETTERS = UPPER + UPPER.toLowerCase()
const DIGITS = '0123456789'

const text = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 20 })
const arcs = fc
  .tuple(
    fc.oneof(
      fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt(0n, 39n)),
      fc.tuple(fc.constant(2n), fc.bigInt(0n, 1n << 130n)),
    ),
    fc.array(fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 1n << 130n)), { maxLength: 4 }),
  )
  .map(([first, rest]) => [...first, ...rest].join('.'))
const utcSeconds = fc.integer({ min: -631_152_000, max: 2_524_607_999 })
const anySeconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 })
const bits = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.nat(7))
  .map(([bytes, unused]) => ({ unused, bytes: bytes.with(-1, (bytes.at(-1)! >> unused) << unused) }))

const primitive: fc.Arbitrary<DerValue> = fc.oneof(
  ...Object.entries({
    [TAG.boolean]: fc.boolean(),
    [TAG.integer]: fc.bigInt(),
    [TAG.enumerated]: fc.bigInt(-1000n, 1000n),
    [TAG.bitString]: bits,
    [TAG.octetString]: fc.uint8Array({ maxLength: 300 }),
    [TAG.null]: fc.constant(null),
    [TAG.oid]: arcs,
    [TAG.utf8String]: fc.string({ unit: 'binary', maxLength: 20 }),
    [TAG.numericString]: text(`${DIGITS} `),
    [TAG.printableString]: text(`${LETTERS}${DIGITS} '()+,-./:=?`),
    [TAG.ia5String]: text(`${LETTERS}\0\n@*\x7f`),
    [TAG.bmpString]: text('aß€中'),
    [TAG.universalString]: text('aß€中🔑'),
    [TAG.utcTime]: utcSeconds,
    [TAG.generalizedTime]: anySeconds,
    [contextPrimitive(2)]: fc.uint8Array({ maxLength: 20 }),
  }).map(([tag, value]: [string, fc.Arbitrary<unknown>]) =>
    value.map(value => ({ tag: Number(tag), value }) as DerValue),
  ),
)

const { value: anyValue } = fc.letrec<{ value: DerValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 5 },
    primitive,
    fc.record(
      { tag: fc.constantFrom(TAG.sequence, 0xa0, 0xa3), items: fc.array(tie('value'), { maxLength: 4 }) },
      { noNullPrototype: true },
    ),
    // The elements of a set in the order in which they will be read.
    fc.array(tie('value'), { maxLength: 4 }).map(items => ({
      tag: TAG.set,
      items: items.toSorted((a, b) => Buffer.compare(encodeValue(a), encodeValue(b))),
    })),
  ),
}))

describe('DER values', () => {
  it('are read as they were written', () => {
    fc.assert(fc.property(anyValue, value => assert.deepEqual(parseValue(encodeValue(value)), value)))
  })

  it('have one encoding: what is read encodes to the same bytes, or it is not read', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.nat(255), (value, place, octet) => {
        const bytes = encodeValue(value)
        bytes[place % bytes.length] = octet
        if (codeOf(() => parseValue(bytes)) === null) assert.deepEqual(encodeValue(parseValue(bytes)), bytes)
      }),
      { numRuns: 3000 },
    )
  })

  it('refuse random bytes by code', () => {
    const likely = fc.constantFrom(0x30, 0x31, 0x02, 0x03, 0x06, 0x04, 0x17, 0xa0, 0x80, 0x81, 0x82, 0, 1, 2, 3)
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, fc.nat(255)), { maxLength: 40 }), octets => {
        const bytes = Uint8Array.from(octets)
        if (codeOf(() => parseValue(bytes)) === null) assert.deepEqual(encodeValue(parseValue(bytes)), bytes)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuse every prefix of themselves', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), (value, cut) => {
        const bytes = encodeValue(value)
        refuses('der_truncated', () => parseValue(bytes.subarray(0, cut % bytes.length)))
      }),
    )
  })
})

describe('object identifiers', () => {
  const KNOWN = [
    ['1.2.840.113549.1.1.11', '2a864886f70d01010b'],
    ['2.999.3', '883703'],
    ['0.0', '00'],
    ['0.39', '27'],
    ['1.0', '28'],
    ['1.39', '4f'],
    ['2.0', '50'],
    ['2.47', '7f'],
    ['2.48', '8100'],
    ['1.3.4294967296', '2b9080808000'],
    ['1.3.4294967301', '2b9080808005'],
    ['1.3.9007199254740993', '2b9080808080808001'],
    ['2.25.329800735698586629295641978511506172918', '6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776'],
    ['2.18446744073709551616', '82808080808080808050'],
  ] as const
  for (const [dotted, hex] of KNOWN)
    it(dotted, () => {
      assert.equal(Buffer.from(encodeOid(dotted)).toString('hex'), hex)
      assert.equal(decodeOid(new Uint8Array(Buffer.from(hex, 'hex'))), dotted)
    })

  it('round trip with arcs of any size', () => {
    fc.assert(fc.property(arcs, dotted => assert.equal(decodeOid(encodeOid(dotted)), dotted)))
  })

  it('are refused as texts that are none', () => {
    const texts = [
      '',
      '1',
      '1.',
      '.1',
      '1..2',
      '3.1',
      '0.40',
      '1.40',
      '1.02',
      '1.2.-3',
      '1.2.+3',
      '1.2. 3',
      '1.2.3\n',
      '1.2.0x3',
      'a.b',
    ]
    for (const dotted of texts) refuses('der_oid_invalid', () => encodeOid(dotted), dotted)
    refuses('der_oid_invalid', () => encodeOid(`1.2.${'9'.repeat(400)}`))
  })
})

describe('integers', () => {
  it('round trip, minimal', () => {
    fc.assert(
      fc.property(fc.bigInt(), value => {
        const content = encodeInteger(value)
        assert.equal(decodeInteger(content), value)
        assert.ok(content.length === 1 || BigInt.asIntN(8 * (content.length - 1), value) !== value)
      }),
    )
  })
})

describe('times', () => {
  it('are those of Date', () => {
    fc.assert(
      fc.property(anySeconds, seconds => {
        const digits = new Date(seconds * 1000).toISOString().replace(/[-T:]|\.000/g, '')
        assert.equal(Buffer.from(encodeTime(TAG.generalizedTime, seconds)).toString(), digits)
        assert.equal(decodeTime(TAG.generalizedTime, Buffer.from(digits)), seconds)
      }),
      { numRuns: 2000 },
    )
  })

  it('have two digits of a year from 1950 through 2049', () => {
    fc.assert(
      fc.property(utcSeconds, seconds =>
        assert.equal(decodeTime(TAG.utcTime, encodeTime(TAG.utcTime, seconds)), seconds),
      ),
    )
    assert.equal(timeTag(2_524_607_999), TAG.utcTime)
    assert.equal(timeTag(2_524_608_000), TAG.generalizedTime)
    for (const seconds of [-631_152_001, 2_524_608_000])
      refuses('der_time_invalid', () => encodeTime(TAG.utcTime, seconds))
    for (const seconds of [253_402_300_800, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      refuses('der_time_invalid', () => encodeTime(TAG.generalizedTime, seconds))
  })

  it('exist for every day of the calendar and no other', () => {
    for (let year = 1996; year <= 2104; year++)
      for (let month = 0; month <= 13; month++)
        for (let day = 0; day <= 32; day++) {
          const pair = (value: number) => `${value}`.padStart(2, '0')
          const date = new Date(Date.UTC(year, month - 1, day))
          const real = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
          const digits = Buffer.from(`${year}${pair(month)}${pair(day)}000000Z`)
          assert.equal(
            codeOf(() => decodeTime(TAG.generalizedTime, digits)),
            real ? null : 'der_time_invalid',
            `${digits}`,
          )
        }
  })

  it('take digits in every place, of all octets', () => {
    for (let place = 0; place < 12; place++)
      for (const octet of acceptedOctets(octet =>
        decodeTime(TAG.utcTime, Buffer.from('111111111111Z').fill(octet, place, place + 1)),
      ))
        assert.ok(octet >= 0x30 && octet <= 0x39, `${octet} at ${place}`)
  })
})

describe('strings take their characters, of all octets', () => {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
  const SETS: readonly [name: keyof typeof TAG, allowed: readonly number[]][] = [
    ['numericString', octetsOf(`${DIGITS} `)],
    ['printableString', octetsOf(`${LETTERS}${DIGITS} '()+,-./:=?`)],
    ['ia5String', range(0, 0x7f)],
    ['visibleString', range(0x20, 0x7e)],
    ['teletexString', [...range(0x20, 0x7e), ...range(0xa0, 0xff)]],
    ['utf8String', range(0, 0x7f)],
  ]
  for (const [name, allowed] of SETS)
    it(name, () => {
      assert.deepEqual(
        acceptedOctets(octet => decodeString(TAG[name], Uint8Array.of(octet))),
        allowed,
      )
      const encoded = acceptedOctets(octet => encodeString(TAG[name], String.fromCharCode(octet)))
      assert.deepEqual(encoded, name === 'utf8String' ? range(0, 0xff) : allowed)
      for (const octet of allowed)
        assert.deepEqual(encodeString(TAG[name], decodeString(TAG[name], Uint8Array.of(octet))), Uint8Array.of(octet))
    })

  it('refuses characters beyond one octet where there is none for them', () => {
    for (const name of ['numericString', 'printableString', 'ia5String', 'visibleString', 'teletexString'] as const)
      for (const character of ['\u0141', '\u0130', '\uff11', '🔑'])
        refuses('der_string_invalid', () => encodeString(TAG[name], character))
  })
})

describe('writing', () => {
  it('gives lengths in the fewest octets', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535]) {
      const bytes = element(TAG.octetString, new Uint8Array(length))
      if (bytes.length <= 65_536)
        assert.deepEqual(parseValue(bytes), { tag: TAG.octetString, value: new Uint8Array(length) })
    }
  })
})
