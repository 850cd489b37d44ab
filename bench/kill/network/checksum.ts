/** Bytes before the Ethernet frame. RFC 7348, 5. */
export const VXLAN_HEADER = 8
const ETHERNET_HEADER = 14

/**
 * Writes the TCP checksum of the inner packet. The kernel leaves it to the network card, and here is none.
 * RFC 9293, 3.1.
 */
export function completeChecksum(packet: Buffer): void {
  const ip = VXLAN_HEADER + ETHERNET_HEADER
  if (packet.readUInt16BE(ip - 2) !== 0x0800 || packet[ip + 9] !== 6) return
  const tcp = ip + (packet[ip]! & 15) * 4
  const end = ip + packet.readUInt16BE(ip + 2)
  packet.writeUInt16BE(0, tcp + 16)
  let sum = 6 + (end - tcp)
  for (let at = ip + 12; at < ip + 20; at += 2) sum += packet.readUInt16BE(at)
  for (let at = tcp; at + 1 < end; at += 2) sum += (packet[at]! << 8) | packet[at + 1]!
  if ((end - tcp) % 2 === 1) sum += packet[end - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  packet.writeUInt16BE(~sum & 0xffff, tcp + 16)
}
