import { ProtocolError } from '../errors.ts'
import { type DnsPattern, parentDomain, parseDnsName, parseDnsPattern } from './dns-name.ts'
import { formatIpAddress } from './ip-address.ts'

/** The peer that the caller meant to reach (RFC 9525, 6.1): a host name, or the 4 or 16 octets of an address. */
export type ReferenceName = { readonly dns: string } | { readonly ip: Uint8Array }

/** The names of a subjectAltName that a {@link ReferenceName} can match. */
export interface PresentedNames {
  readonly dns: readonly string[]
  readonly ip: readonly Uint8Array[]
}

const NO_NAMES: PresentedNames = { dns: [], ip: [] }

/**
 * The name of a certificate that covers the reference (RFC 9525, 6). Only subjectAltName counts, never a common name, and
 * each kind is compared with its own kind: an address never with a dNSName, which would let `1.2.3.4` be a host name.
 * Host names are compared without ASCII case, a wildcard stands for exactly one label, addresses by their octets. One
 * trailing dot of the reference means the same host and is dropped.
 *
 * @throws ProtocolError `name_mismatch`; `subject_alt_name_invalid` when any of the names is malformed, since another
 *   reader may take it for the one that is asked for; `reference_name_invalid`
 */
export function matchIdentity(presented: PresentedNames | undefined, reference: ReferenceName): string {
  const find = 'dns' in reference ? hostFinder(reference.dns) : addressFinder(reference.ip)
  const { dns, ip } = presented ?? NO_NAMES
  return find(dns.map(readHost), ip.map(readAddress))
}

type Finder = (hosts: readonly PresentedHost[], addresses: readonly Uint8Array[]) => string

interface PresentedHost extends DnsPattern {
  readonly text: string
}

// RFC 5280, 4.2.1.6: in the preferred name syntax. Underscores, trailing dots and U-labels are not.
function readHost(text: string): PresentedHost {
  const pattern = parseDnsPattern(text)
  if (pattern === null)
    throw new ProtocolError('subject_alt_name_invalid', `expected a host name, got ${printable(text)}`)
  return { ...pattern, text }
}

function readAddress(octets: Uint8Array): Uint8Array {
  if (octets.length === 4 || octets.length === 16) return octets
  throw new ProtocolError('subject_alt_name_invalid', `expected 4 or 16 octets of an address, got ${octets.length}`)
}

function hostFinder(reference: string): Finder {
  const host = parseDnsName(reference.endsWith('.') ? reference.slice(0, -1) : reference)
  if (host === null) throw new ProtocolError('reference_name_invalid', 'expected a host name')
  return hosts => {
    const match = hosts.find(pattern => covers(pattern, host))
    const names = hosts.map(pattern => pattern.text)
    return match?.text ?? mismatch(`the host ${host}`, names)
  }
}

function covers(pattern: DnsPattern, host: string): boolean {
  if (!pattern.wildcard) return pattern.base === host
  // Two labels behind the wildcard at least: *.com would vouch for strangers.
  return pattern.base.includes('.') && pattern.base === parentDomain(host)
}

function addressFinder(reference: Uint8Array): Finder {
  if (reference.length !== 4 && reference.length !== 16)
    throw new ProtocolError('reference_name_invalid', `expected 4 or 16 octets of an address, got ${reference.length}`)
  return (_hosts, addresses) => {
    const match = addresses.find(address => sameOctets(address, reference))
    const names = addresses.map(formatIpAddress)
    return match ? formatIpAddress(match) : mismatch(`the address ${formatIpAddress(reference)}`, names)
  }
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index])
}

const MAX_SHOWN = 5

function mismatch(expected: string, names: readonly string[]): never {
  const shown = names.slice(0, MAX_SHOWN).join(', ') + (names.length > MAX_SHOWN ? ', …' : '')
  const got = names.length === 0 ? 'the certificate has no such name' : `the certificate is for ${shown}`
  throw new ProtocolError('name_mismatch', `expected ${expected}, ${got}`)
}

/** Names come from strangers, messages go to terminals. */
function printable(name: string): string {
  return name.slice(0, 100).replace(/[^!-~]/g, '?')
}
