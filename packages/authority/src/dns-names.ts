import { LanyardError } from '@lanyard/api'
import { parseDnsName } from '@lanyard/protocol'

/**
 * Throws `dns_name_forbidden` unless every name is a host in lower case at or under one of the suffixes, and comes once.
 * No wildcard: a certificate for every host below a suffix is more than a workload is.
 */
export function requireDnsNames(names: readonly string[], suffixes: readonly string[]): void {
  for (const name of names) {
    if (parseDnsName(name) !== name)
      throw new LanyardError('dns_name_forbidden', `expected a host name in lower case, got ${name.slice(0, 253)}`)
    // RFC 5280, 4.2.1.10: what a constraint permits is itself and what is below it.
    if (suffixes.some(suffix => name === suffix || name.endsWith(`.${suffix}`))) continue
    throw new LanyardError(
      'dns_name_forbidden',
      `expected a name under ${suffixes.join(', ') || 'no suffix'}, got ${name}`,
    )
  }
  if (new Set(names).size < names.length) throw new LanyardError('dns_name_forbidden', 'expected each name once')
}
