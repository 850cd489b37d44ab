/**
 * The octets of an IP address as certificates carry them: 4 for IPv4, 16 for IPv6; null when `text` is not an address.
 * Strict: four decimal parts without leading zeros (RFC 6943, 3.1.1: `010.1` is read in two ways), or RFC 4291, 2.2,
 * without a zone.
 */
export function parseIpAddress(text: string): Uint8Array | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** An address for messages: dotted decimals, or eight groups in hex without shortening; else the octets in hex. */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  const hex = Array.from(octets, octet => octet.toString(16).padStart(2, '0')).join('')
  return octets.length === 16 ? hex.replace(/.{4}(?!$)/g, '$&:') : hex
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.')
  const decimal = (part: string) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255
  return parts.length === 4 && parts.every(decimal) ? Uint8Array.from(parts, Number) : null
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const sides = halves.map((half, index) => groups(half, index === halves.length - 1))
  const [left, right] = sides
  if (left === null || left === undefined || right === null) return null
  if (right === undefined) return left.length === 16 ? Uint8Array.from(left) : null
  // "::" stands for at least one group of zeros.
  const gap = 16 - left.length - right.length
  return gap >= 2 ? Uint8Array.from([...left, ...new Array<number>(gap).fill(0), ...right]) : null
}

/** The octets of groups with colons between them; the last one may be an IPv4 address. */
function groups(text: string, last: boolean): number[] | null {
  if (text === '') return []
  const octets: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const group = last && index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : hexGroup(part)
    if (group === null) return null
    octets.push(...group)
  }
  return octets.length <= 16 ? octets : null
}

function hexGroup(part: string): number[] | null {
  if (!/^[0-9a-f]{1,4}$/i.test(part)) return null
  const value = Number.parseInt(part, 16)
  return [value >> 8, value & 0xff]
}
