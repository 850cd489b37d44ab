import { type Certificate, EXTENSIONS, equalBytes, nameConstraints, type TrustDomain } from '@lanyard/protocol'

// RFC 6761, 6.4: no name ends like this one. Permitting it alone is how every implementation understands "none at
// all"; to exclude the empty name, as web CAs do, makes Java 17 throw on the first certificate that has a DNS name,
// and on any certificate where the same is done for e-mail.
const NONE = 'invalid'

const EVERY_IPV4 = new Uint8Array(8)
const EVERY_IPV6 = new Uint8Array(32)

/** Names that the certificates under an intermediate may carry, beside SPIFFE IDs of the trust domain. */
export interface AllowedNames {
  /** Each permits itself and what is below it (RFC 5280, 4.2.1.10). */
  readonly dns: readonly string[]
  /** Octets, 4 or 16 each. */
  readonly ips: readonly Uint8Array[]
}

/**
 * The critical name constraints of an intermediate: URIs on the host that is the trust domain; DNS names and addresses
 * as allowed, or none at all; no e-mail. Which verifier enforces what stands in
 * docs/decisions/003-two-intermediates.md.
 */
export function constrainTo(trustDomain: TrustDomain, { dns, ips }: AllowedNames): Uint8Array {
  return nameConstraints({
    permitted: {
      uri: [trustDomain.name],
      dns: dns.length > 0 ? dns : [NONE],
      email: [NONE],
      ip: byFamily(ips).map(single),
    },
    excluded: { ip: ips.length > 0 ? [] : [EVERY_IPV4, EVERY_IPV6] },
  })
}

/** Whether an intermediate carries exactly the constraints that {@link constrainTo} writes for these names. */
export function isConstrainedTo(certificate: Certificate, trustDomain: TrustDomain, names: AllowedNames): boolean {
  const found = certificate.extensions.find(({ oid }) => oid === EXTENSIONS.nameConstraints)
  const wanted = constrainTo(trustDomain, names)
  // The content of an extension stands at the end of its encoding.
  return found?.critical === true && equalBytes(found.value, wanted.subarray(wanted.length - found.value.length))
}

// Java 17 compares an IPv4 address with the head of an IPv6 constraint, and reads past its end when that head fits.
// Where the IPv4 constraints come first it has found its match by then.
const byFamily = (ips: readonly Uint8Array[]) => [...ips].sort((a, b) => a.length - b.length)

/** An address and a mask of all ones. */
function single(ip: Uint8Array): Uint8Array {
  const subnet = new Uint8Array(ip.length * 2).fill(0xff, ip.length)
  subnet.set(ip)
  return subnet
}
