import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AddressKind, addressRules } from './address-rules.ts'

const PUBLIC = ['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1', '223.255.255.255']
const PUBLIC_6 = ['2606:4700::1111', '2a00:1450:4001:830::200e', '::ffff:8.8.8.8', '64:ff9b::808:808']

const FORBIDDEN: [address: string, kind: AddressKind][] = [
  ['0.0.0.0', 'unspecified'],
  // Linux connects to itself for every one of them.
  ['0.1.2.3', 'unspecified'],
  ['10.0.0.1', 'private'],
  ['100.64.0.1', 'shared'],
  ['100.100.100.200', 'shared'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['168.63.129.16', 'metadata'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'link-local'],
  ['169.254.0.1', 'link-local'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['192.88.99.1', 'tunnelled'],
  ['192.168.0.1', 'private'],
  ['198.18.0.1', 'reserved'],
  ['198.19.255.255', 'reserved'],
  ['198.51.100.7', 'reserved'],
  ['203.0.113.9', 'reserved'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'private'],
  ['fc00::1', 'private'],
  ['fd00:ec2::254', 'private'],
  ['fd20:ce::254', 'private'],
  ['ff02::1', 'multicast'],
  ['2001::1', 'tunnelled'],
  ['2001:20::1', 'tunnelled'],
  ['2001:db8::1', 'reserved'],
  ['2002:7f00:1::1', 'tunnelled'],
  ['2002:a9fe:a9fe::', 'tunnelled'],
  ['3fff::1', 'reserved'],
  ['100::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['5f00::1', 'reserved'],
  // An IPv4 address in IPv6: mapped, translated, and in the form that nobody uses any more.
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['::ffff:10.0.0.1', 'private'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['64:ff9b:1::7f00:1', 'reserved'],
  ['::127.0.0.1', 'reserved'],
  ['::ffff:0:127.0.0.1', 'reserved'],
  // Two programs could read these as two addresses, or the zone leads to a neighbour.
  ['fe80::1%eth0', 'no address'],
  ['127.1', 'no address'],
  ['0177.0.0.1', 'no address'],
  ['0x7f000001', 'no address'],
  ['2130706433', 'no address'],
  ['', 'no address'],
  ['localhost', 'no address'],
]

test('public addresses may be asked, all others not, in whatever form they come', () => {
  const judge = addressRules([])
  for (const address of [...PUBLIC, ...PUBLIC_6]) assert.equal(judge(address), null, address)
  for (const [address, kind] of FORBIDDEN) assert.equal(judge(address), kind, address)
})

test('what is listed may be asked, and nothing beside it', () => {
  const judge = addressRules(['10.1.0.0/16', 'fd00::/8'])
  assert.equal(judge('10.1.2.3'), null)
  assert.equal(judge('::ffff:10.1.2.3'), null)
  assert.equal(judge('64:ff9b::a01:203'), null)
  assert.equal(judge('fd12::1'), null)
  assert.equal(judge('10.2.0.1'), 'private')
  assert.equal(judge('fc00::1'), 'private')
  assert.equal(judge('127.0.0.1'), 'loopback')
})

test('all of loopback, link-local, private and multicast space is closed', () => {
  const judge = addressRules([])
  for (let octet = 0; octet < 256; octet++)
    for (const first of [0, 10, 127, ...Array.from({ length: 32 }, (_, at) => 224 + at)])
      assert.notEqual(judge(`${first}.${octet}.${255 - octet}.1`), null)
  for (let group = 0; group < 0x10000; group += 0x101)
    assert.equal(judge(`${group.toString(16)}::1`) === null, group >> 13 === 1 && isOpen(group), group.toString(16))
})

/** Of 2000::/3: what is no special purpose. */
const isOpen = (group: number) => group !== 0x2001 && group !== 0x2002 && !(group >= 0x3fff && group <= 0x3fff)
