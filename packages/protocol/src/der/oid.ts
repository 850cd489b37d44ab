import { ProtocolError } from '../errors.ts'

// So that one OID cannot fill a certificate with digits: decimals of an n-bit arc cost n² to make.
const MAX_OCTETS = 128

/** The dotted form of the content octets of an OBJECT IDENTIFIER. Throws `der_oid_invalid` (X.690, 8.19). */
export function decodeOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > MAX_OCTETS)
    throw new ProtocolError('der_oid_invalid', `expected 1 to ${MAX_OCTETS} octets, got ${content.length}`)
  // X.690, 8.19.2: a last octet that announces another one is a truncated arc.
  if (content[content.length - 1]! & 0x80) throw new ProtocolError('der_oid_invalid', 'the last arc is cut short')
  let text = ''
  for (let at = 0; at < content.length; ) {
    let end = at
    while (content[end]! & 0x80) end++
    // X.690, 8.19.2: fewest octets. A padded arc is a second spelling of the same OID.
    if (content[at] === 0x80) throw new ProtocolError('der_oid_invalid', 'an arc has leading zeros')
    text += at === 0 ? firstArcs(content, end) : `.${readArc(content, at, end)}`
    at = end + 1
  }
  return text
}

// X.690, 8.19.4: the first two arcs share a number, 40·a + b. Under 2 the second has no limit: 2.999 is 1079.
function firstArcs(content: Uint8Array, end: number): string {
  const joined = readArc(content, 0, end)
  if (joined < 40) return `0.${joined}`
  if (joined < 80) return `1.${Number(joined) - 40}`
  return typeof joined === 'number' ? `2.${joined - 80}` : `2.${joined - 80n}`
}

// Seven octets hold 49 bits, which a number holds exactly; in 32 bits, 2^32 + 5 would read as 5 (CVE-2025-66030).
function readArc(content: Uint8Array, at: number, end: number): number | bigint {
  if (end - at >= 7) return readLargeArc(content, at, end)
  let arc = 0
  for (let i = at; i <= end; i++) arc = arc * 128 + (content[i]! & 0x7f)
  return arc
}

function readLargeArc(content: Uint8Array, at: number, end: number): bigint {
  let arc = 0n
  for (let i = at; i <= end; i++) arc = (arc << 7n) | BigInt(content[i]! & 0x7f)
  return arc
}

/** The content octets of a dotted OID. Throws `der_oid_invalid` for a text that {@link decodeOid} would not give. */
export function encodeOid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(parseArc)
  if (first === undefined || second === undefined || first > 2n || (first < 2n && second > 39n))
    throw new ProtocolError('der_oid_invalid', 'expected 0.0 to 0.39, 1.0 to 1.39, or 2 and any arc')
  const content = Uint8Array.from([first * 40n + second, ...rest].flatMap(arcOctets))
  if (content.length > MAX_OCTETS)
    throw new ProtocolError('der_oid_invalid', `expected at most ${MAX_OCTETS} octets, got ${content.length}`)
  return content
}

function parseArc(text: string): bigint {
  if (/^(?:0|[1-9][0-9]{0,300})$/.test(text)) return BigInt(text)
  throw new ProtocolError('der_oid_invalid', 'expected decimal arcs without leading zeros, with dots between')
}

function arcOctets(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80)
  return octets
}
