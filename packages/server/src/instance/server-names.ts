import { LanyardError } from '@lanyard/api'
import type { AllowedNames } from '@lanyard/authority'
import { formatIpAddress, parseDnsName, parseIpAddress } from '@lanyard/protocol'

/** What every server answers to on its own machine. */
const LOCAL = ['localhost', '127.0.0.1', '::1']
/** "Every address of this machine" is nothing that a client could call. */
const ANY = ['0.0.0.0', '0000:0000:0000:0000:0000:0000:0000:0000']

/**
 * The names for the server's own certificate: this machine's, the host that it listens at, and those configured.
 * Throws `config_invalid` for what is neither a DNS name nor an IP address; wildcards are not names of a server.
 */
export function serverNames(listenHost: string, hosts: readonly string[]): AllowedNames {
  const dns = new Set<string>()
  const ips = new Map<string, Uint8Array>()
  for (const host of [...LOCAL, ...(isNamed(listenHost) ? [listenHost] : []), ...hosts]) {
    const ip = parseIpAddress(host)
    if (ip === null) dns.add(requireDnsName(host))
    else ips.set(formatIpAddress(ip), ip)
  }
  for (const any of ANY) ips.delete(any)
  return { dns: [...dns], ips: [...ips.values()] }
}

/** The suffixes under which agents may have DNS names. Throws `config_invalid`. */
export const dnsSuffixes = (configured: readonly string[]): string[] => configured.map(requireDnsName)

// A listen host may be a name that the system alone knows, such as one with an underscore in a container network.
const isNamed = (host: string) => parseIpAddress(host) !== null || parseDnsName(host) !== null

function requireDnsName(text: string): string {
  const name = parseDnsName(text)
  if (name !== null) return name
  throw new LanyardError('config_invalid', `hosts: expected a DNS name or an IP address, got ${JSON.stringify(text)}`)
}
