import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { completeChecksum, VXLAN_HEADER } from './checksum.ts'

const IP = VXLAN_HEADER + 14

function frame(protocol: number, segment: Uint8Array, options = 0): Buffer {
  const packet = Buffer.alloc(IP + 20 + options + segment.length)
  packet.writeUInt16BE(0x0800, IP - 2)
  packet[IP] = 0x40 | ((20 + options) / 4)
  packet.writeUInt16BE(packet.length - IP, IP + 2)
  packet[IP + 9] = protocol
  packet.set([10, 99, 0, 1, 10, 99, 0, 2], IP + 12)
  packet.set(segment, IP + 20 + options)
  return packet
}

// As a receiver judges it: with the checksum in it, the sum of all words is all ones. RFC 9293, 3.1.
function sumOf(packet: Buffer, options: number): number {
  const segment = packet.subarray(IP + 20 + options)
  const pseudo = Buffer.concat([packet.subarray(IP + 12, IP + 20), Buffer.from([0, 6, 0, 0]), segment, Buffer.alloc(1)])
  pseudo.writeUInt16BE(segment.length, 10)
  let sum = 0
  for (let at = 0; at + 1 < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return sum
}

test('a receiver finds the checksum of any TCP segment right', () => {
  const segments = fc.uint8Array({ minLength: 20, maxLength: 1400 })
  fc.assert(
    fc.property(segments, fc.constantFrom(0, 4, 40), (segment, options) => {
      const packet = frame(6, segment, options)
      completeChecksum(packet)
      assert.equal(sumOf(packet, options), 0xffff)
    }),
  )
})

test('what is not TCP stays as it is', () => {
  const packet = frame(17, Buffer.alloc(40, 7))
  const before = Buffer.from(packet)
  completeChecksum(packet)
  assert.deepEqual(packet, before)
})
