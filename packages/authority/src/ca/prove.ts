import {
  type Certificate,
  type Crypto,
  equalBytes,
  type SpiffeId,
  type TrustDomain,
  verifyChain,
} from '@lanyard/protocol'

/** What an authority's certificate must turn out to be, gathered without its builder. */
export interface ExpectedAuthority {
  readonly trustDomain: TrustDomain
  readonly pathLength: number
  readonly spki: Uint8Array
  readonly roots: readonly Certificate[]
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * Holds a certificate of an authority against the rules, as read from the DER that was signed, and validates its path.
 * Gives it back; throws a plain Error naming the broken rule, or a ProtocolError: our fault, so that it is thrown away.
 */
export function proveAuthority(certificate: Certificate, expected: ExpectedAuthority, crypto: Crypto): Certificate {
  for (const [rule, holds] of Object.entries(AUTHORITY_RULES)) requireRule(rule, holds(certificate, expected))
  proveSignature(certificate, expected, crypto)
  return certificate
}

const AUTHORITY_RULES: Record<string, (certificate: Certificate, expected: ExpectedAuthority) => boolean> = {
  'an authority, for so many below it': ({ basicConstraints }, { pathLength }) =>
    basicConstraints?.ca === true && basicConstraints.pathLen === pathLength,
  'signs certificates and revocations, nothing else': ({ keyUsage }) =>
    keyUsage?.size === 2 && keyUsage.has('keyCertSign') && keyUsage.has('cRLSign'),
  'the ID of the trust domain and no other name': ({ subjectAltName: san }, { trustDomain }) =>
    san?.uri.length === 1 && san.uri[0] === `spiffe://${trustDomain}` && otherNames(san) === 0,
  'a name of its own': ({ subject }) => !subject.isEmpty,
  'constrained in names unless it is the root': ({ nameConstraints }, { pathLength }) =>
    pathLength > 0 || nameConstraints !== undefined,
  'the key that was meant': ({ publicKey }, { spki }) => equalBytes(publicKey.der, spki),
}

// A root is its own path: there is nothing above it to validate but its own signature.
function proveSignature(certificate: Certificate, { roots, at }: ExpectedAuthority, crypto: Crypto): void {
  const second = Math.floor(at / 1000)
  if (!roots.includes(certificate)) {
    verifyChain({ leaf: certificate, intermediates: [], roots, at: second, purpose: 'any' }, crypto)
    return
  }
  const { signatureAlgorithm: algorithm, publicKey, tbs, signature, notBefore, notAfter } = certificate
  requireRule('of an algorithm that we know', algorithm !== null)
  requireRule('signed by itself', crypto.verify(algorithm!, publicKey.der, tbs, signature, 'der'))
  requireRule('valid now', notBefore <= second && second <= notAfter)
}

/** What a certificate of the authority's own programs must turn out to be. */
export interface ExpectedLeaf {
  readonly id: SpiffeId
  readonly dns: readonly string[]
  readonly ips: readonly Uint8Array[]
  readonly purpose: 'serverAuth' | 'any'
  readonly intermediates: readonly Certificate[]
  readonly roots: readonly Certificate[]
  /** Unix milliseconds. */
  readonly at: number
}

/** As {@link proveAuthority}, for a leaf of our own: its path is validated for each name that it carries. */
export function proveLeaf(leaf: Certificate, expected: ExpectedLeaf, crypto: Crypto): Certificate {
  const { subjectAltName: san, basicConstraints, keyUsage } = leaf
  requireRule('exactly its SPIFFE ID', san?.uri.length === 1 && san.uri[0] === `${expected.id}`)
  requireRule('exactly its DNS names', equalSets(san!.dns, expected.dns))
  requireRule('exactly its addresses', equalSets(san!.ip.map(String), expected.ips.map(String)))
  requireRule('no other names', san!.email.length + san!.directoryName.length + san!.other.length === 0)
  requireRule('no certificate authority', basicConstraints !== undefined && !basicConstraints.ca)
  requireRule('signs and does nothing else', keyUsage?.size === 1 && keyUsage.has('digitalSignature'))
  const { intermediates, roots, purpose } = expected
  const request = { leaf, intermediates, roots, at: Math.floor(expected.at / 1000), purpose }
  verifyChain(request, crypto)
  for (const dns of expected.dns) verifyChain({ ...request, name: { dns } }, crypto)
  for (const ip of expected.ips) verifyChain({ ...request, name: { ip } }, crypto)
  return leaf
}

const otherNames = (san: NonNullable<Certificate['subjectAltName']>): number =>
  san.dns.length + san.ip.length + san.email.length + san.directoryName.length + san.other.length

const equalSets = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && new Set(a).size === a.length && a.every(entry => b.includes(entry))

function requireRule(rule: string, holds: boolean): void {
  if (!holds) throw new Error(`a certificate of the authority breaks the rule "${rule}"; it is not used`)
}
