import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIpAddress } from '@lanyard/protocol'
import fc from 'fast-check'
import { contains, parseNetwork } from './network.ts'

const NO_NETWORKS = [
  '',
  '/',
  '/8',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/+8',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0.0/8 ',
  '10.0.0.0/1e1',
  '10.1.2.3/8',
  '10/8',
  '010.0.0.0/8',
  '0x0a.0.0.0/8',
  '2001:db8::/129',
  '2001:db8::1/32',
  'fe80::%eth0/10',
  'example.org/8',
]

test('what is no network, or has bits beyond its length, is none', () => {
  for (const text of NO_NETWORKS) assert.equal(parseNetwork(text), null, text)
})

const MEMBERS: [network: string, address: string, inside: boolean][] = [
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['100.64.0.0/10', '100.127.255.255', true],
  ['100.64.0.0/10', '100.128.0.0', false],
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.0', false],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::1', false],
  ['fe80::/10', 'febf:ffff::1', true],
  ['fe80::/10', 'fec0::1', false],
  ['::1/128', '::1', true],
  // Families are never compared: 10.0.0.0/8 says nothing about an IPv6 address that begins with the same octet.
  ['10.0.0.0/8', 'a00::1', false],
]

test('an address lies in a network when it begins with its bits', () => {
  for (const [network, address, inside] of MEMBERS)
    assert.equal(contains(parseNetwork(network)!, parseIpAddress(address)!), inside, `${address} in ${network}`)
})

const octets = (count: number) => fc.uint8Array({ minLength: count, maxLength: count })
const asNumber = (bytes: Uint8Array) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

test('bits are compared as numbers would be', () => {
  const pairs = fc.constantFrom(4, 16).chain(count => fc.tuple(octets(count), octets(count), fc.nat(count * 8)))
  fc.assert(
    fc.property(pairs, ([address, base, bits]) => {
      const shift = BigInt(base.length * 8 - bits)
      const expected = asNumber(address) >> shift === asNumber(base) >> shift
      assert.equal(contains({ octets: base, bits }, address), expected)
    }),
  )
})
