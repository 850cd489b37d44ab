import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatIpAddress, parseIpAddress } from './ip-address.ts'

const hex = (text: string) => {
  const octets = parseIpAddress(text)
  return octets === null ? null : Buffer.from(octets).toString('hex')
}

const ADDRESSES: readonly [text: string, octets: string][] = [
  ['127.0.0.1', '7f000001'],
  ['0.0.0.0', '00000000'],
  ['255.255.255.255', 'ffffffff'],
  ['::', '0'.repeat(32)],
  ['::1', `${'0'.repeat(31)}1`],
  ['1::', `0001${'0'.repeat(28)}`],
  ['2001:DB8::8a2e:370:7334', '20010db80000000000008a2e03707334'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
  ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ['1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201'],
]

const NOT_ADDRESSES = [
  ...['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '010.0.0.1', '0x7f.0.0.1', '1.2.3.4 ', ' 1.2.3.4'],
  ...['1.2.3.-4', '1.2.3.+4', '1..2.3', '٣.1.1.1', '1.2.3.4/32', 'localhost'],
  ...[':', ':::', '1:2', '1::2::3', ':1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:', '1:2:3:4:5:6:7:8:9', '12345::', 'g::'],
  ...['1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4::5:6:7:8', 'fe80::1%eth0', '[::1]', '::1/128', '1.2.3.4::'],
  ...['::1.2.3', '::01.2.3.4', '::1.2.3.4:5', '::ffff:1.2.3.4.5', '1:2:3:4:5:6:7:1.2.3.4'],
]

describe('parseIpAddress', () => {
  for (const [text, octets] of ADDRESSES) it(`reads ${text}`, () => assert.equal(hex(text), octets))
  for (const text of NOT_ADDRESSES) it(`refuses ${JSON.stringify(text)}`, () => assert.equal(hex(text), null))

  it('takes nothing that Node does not take', () => {
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: fc.constantFrom(...'01259af:.'), maxLength: 20 }))
    fc.assert(
      fc.property(text, candidate => {
        const octets = parseIpAddress(candidate)
        const family = { 4: 4, 16: 6 }[octets?.length ?? 0]
        if (octets !== null) assert.equal(isIP(candidate), family)
      }),
    )
  })

  it('takes every IPv4 address', () => {
    fc.assert(fc.property(fc.ipV4(), address => assert.ok(parseIpAddress(address))))
  })

  it('reads back what it writes', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(fc.property(octets, bytes => assert.deepEqual(parseIpAddress(formatIpAddress(bytes)), bytes)))
  })
})

describe('formatIpAddress', () => {
  it('writes octets of any other length in hex', () =>
    assert.equal(formatIpAddress(Uint8Array.of(1, 2, 255)), '0102ff'))
})
