import { parseIpAddress } from '@lanyard/protocol'

/** A network in CIDR notation: all addresses that begin with these bits. */
export interface Network {
  readonly octets: Uint8Array
  readonly bits: number
}

/**
 * A network from `192.0.2.0/24`, `2001:db8::/32` or a lone address; null for what is none, or has bits beyond its
 * length.
 */
export function parseNetwork(text: string): Network | null {
  const [address, length, ...more] = text.split('/')
  const octets = parseIpAddress(address ?? '')
  if (octets === null || more.length > 0) return null
  if (length === undefined) return { octets, bits: octets.length * 8 }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > octets.length * 8) return null
  const network = { octets, bits: Number(length) }
  // `10.1.2.3/8` is a slip: either the address or the length is not what was meant.
  return isBase(network) ? network : null
}

/** Whether an address of the same family lies in the network. */
export function contains({ octets, bits }: Network, address: Uint8Array): boolean {
  if (address.length !== octets.length) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== octets[i]) return false
  const rest = bits & 7
  return rest === 0 || (address[whole]! ^ octets[whole]!) >> (8 - rest) === 0
}

function isBase({ octets, bits }: Network): boolean {
  return octets.every((octet, at) => {
    const inside = Math.min(8, Math.max(0, bits - at * 8))
    return (octet & (0xff >> inside)) === 0
  })
}
