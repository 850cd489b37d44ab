import { parseIpAddress } from '@lanyard/protocol'
import { contains, type Network, parseNetwork } from './network.ts'

/** What an address is, where that is a reason not to go there. */
export type AddressKind =
  | 'no address'
  | 'unspecified'
  | 'private'
  | 'shared'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'reserved'
  | 'tunnelled'

/** Null: one may go there. */
export type JudgeAddress = (address: string) => AddressKind | null

const rule = (text: string, kind: AddressKind) => ({ network: networkOf(text), kind })

// IANA IPv4 Special-Purpose Address Registry (RFC 6890) and multicast (RFC 5771).
const FORBIDDEN_V4 = [
  rule('0.0.0.0/8', 'unspecified'),
  rule('10.0.0.0/8', 'private'),
  // Alibaba's metadata service is 100.100.100.200.
  rule('100.64.0.0/10', 'shared'),
  rule('127.0.0.0/8', 'loopback'),
  rule('169.254.169.254/32', 'metadata'),
  rule('169.254.0.0/16', 'link-local'),
  rule('172.16.0.0/12', 'private'),
  // Azure's host agent, which answers every machine there and nobody else.
  rule('168.63.129.16/32', 'metadata'),
  // Oracle's metadata service is 192.0.0.192.
  rule('192.0.0.0/24', 'reserved'),
  rule('192.0.2.0/24', 'reserved'),
  rule('192.31.196.0/24', 'reserved'),
  rule('192.52.193.0/24', 'reserved'),
  rule('192.88.99.0/24', 'tunnelled'),
  rule('192.168.0.0/16', 'private'),
  rule('192.175.48.0/24', 'reserved'),
  rule('198.18.0.0/15', 'reserved'),
  rule('198.51.100.0/24', 'reserved'),
  rule('203.0.113.0/24', 'reserved'),
  rule('224.0.0.0/4', 'multicast'),
  rule('240.0.0.0/4', 'reserved'),
]

// IANA IPv6 Special-Purpose Address Registry. What lies outside of 2000::/3 is no global unicast at all (RFC 4291,
// 2.4).
const FORBIDDEN_V6 = [
  rule('::/128', 'unspecified'),
  rule('::1/128', 'loopback'),
  // The metadata services of AWS (fd00:ec2::254) and Google (fd20:ce::254) lie in here too.
  rule('fc00::/7', 'private'),
  rule('fe80::/10', 'link-local'),
  rule('fec0::/10', 'private'),
  rule('ff00::/8', 'multicast'),
  // Teredo (2001::/32) among them: an IPv4 address in disguise.
  rule('2001::/23', 'tunnelled'),
  rule('2001:db8::/32', 'reserved'),
  // 6to4: the octets after it are an IPv4 address.
  rule('2002::/16', 'tunnelled'),
  rule('2620:4f:8000::/48', 'reserved'),
  rule('3fff::/20', 'reserved'),
]
const GLOBAL_UNICAST = networkOf('2000::/3')
// RFC 4291, 2.5.5.2 and RFC 6052, 2.1: the last four octets are the IPv4 address that is reached. A network with IPv6
// alone reaches every IPv4 host by the second.
const IPV4_INSIDE = [networkOf('::ffff:0:0/96'), networkOf('64:ff9b::/96')]

/**
 * The rules for where this server may go on behalf of others: public unicast addresses, and the networks of `allow`
 * (CIDR). The form does not matter: an IPv4 address inside of an IPv6 one is judged as what it reaches.
 *
 * @throws TypeError for what is no network
 */
export function addressRules(allow: readonly string[]): JudgeAddress {
  const allowed = allow.map(networkOf)
  return text => {
    const octets = parseIpAddress(text)
    // A zone (`fe80::1%eth0`) is no address of anybody far away.
    if (octets === null) return 'no address'
    const reached = reachedBy(octets)
    if (allowed.some(network => contains(network, octets) || contains(network, reached))) return null
    return kindOf(reached)
  }
}

const reachedBy = (octets: Uint8Array): Uint8Array =>
  IPV4_INSIDE.some(network => contains(network, octets)) ? octets.slice(12) : octets

function kindOf(octets: Uint8Array): AddressKind | null {
  const rules = octets.length === 4 ? FORBIDDEN_V4 : FORBIDDEN_V6
  const broken = rules.find(({ network }) => contains(network, octets))
  if (broken) return broken.kind
  return octets.length === 4 || contains(GLOBAL_UNICAST, octets) ? null : 'reserved'
}

function networkOf(text: string): Network {
  const network = parseNetwork(text)
  if (network === null) throw new TypeError(`expected a network such as 10.0.0.0/8, got ${text}`)
  return network
}
