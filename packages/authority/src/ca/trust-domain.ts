import { LanyardError } from '@lanyard/api'
import { parseDnsName, type TrustDomain } from '@lanyard/protocol'

/**
 * The trust domain, if every verifier can judge its certificates. SPIFFE allows names that are no host names
 * (`a_b`, `a..b`, `10.0.0.1`), but a name constraint on URIs speaks of hosts: Java refuses `spiffe://a_b` as a name,
 * Go refuses every URI with an address under a constraint. Throws `config_invalid`.
 */
export function requireIssuable(trustDomain: TrustDomain): TrustDomain {
  if (parseDnsName(trustDomain.name) === trustDomain.name) return trustDomain
  throw new LanyardError(
    'config_invalid',
    `expected a trust domain in the form of a host name, so that every verifier can judge its certificates, got ${trustDomain}`,
  )
}
