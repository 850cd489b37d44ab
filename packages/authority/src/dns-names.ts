import { LanyardError } from '@lanyard/api'
import { parseDnsName } from '@lanyard/protocol'

/** Which host names workloads may have. */
export interface DnsRules {
  /** At or under which they must lie. */
  readonly dnsSuffixes: readonly string[]
  /**
   * Names of the authority itself, which may lie under these: whoever has a certificate for one, under the root that all
   * trust, can stand in for the authority and be shown the API keys of everybody. None where this is absent.
   */
  readonly ownHosts?: readonly string[] | undefined
}

/**
 * Throws `dns_name_forbidden` unless every name is a host in lower case that the rules allow, and comes once.
 * No wildcard: a certificate for every host below a suffix is more than a workload is.
 */
export function requireDnsNames(names: readonly string[], { dnsSuffixes: suffixes, ownHosts = [] }: DnsRules): void {
  for (const name of names) {
    if (ownHosts.includes(name))
      throw new LanyardError('dns_name_forbidden', `expected a name that is not the authority's own, got ${name}`)
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
