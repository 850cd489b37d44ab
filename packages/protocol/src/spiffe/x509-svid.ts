import { ProtocolError } from '../errors.ts'
import { EXTENDED_KEY_USAGES, EXTENSIONS } from '../oids.ts'
import type { Crypto } from '../ports.ts'
import type { Certificate } from '../x509/certificate.ts'
import { verifyChain } from '../x509/chain.ts'
import { type BundleSource, bundleFor } from './bundle.ts'
import { SpiffeId } from './id.ts'

export interface X509SvidRequest {
  /** As the peer sent them: the leaf first, then intermediates in any order. */
  readonly chain: readonly Certificate[]
  readonly bundles: BundleSource
  /** The present, in Unix seconds. */
  readonly at: number
  /** What the leaf is used for; `any` when absent, since an SVID serves both sides. */
  readonly purpose?: 'serverAuth' | 'clientAuth' | 'any'
  /** Seconds for which an ended leaf still passes: 0 everywhere but at the door where agents renew. */
  readonly notAfterGrace?: number
}

export interface VerifiedX509Svid {
  readonly id: SpiffeId
  /** The leaf first, the authority of the bundle last. */
  readonly path: readonly Certificate[]
}

/**
 * The identity that a chain proves: the rules of a leaf, and a path to the bundle of the leaf's own trust domain. No
 * other bundle is looked at, so that one trust domain can never speak for another.
 *
 * @throws ProtocolError `svid_*`, `spiffe_*`, `trust_domain_*`, `bundle_unknown`, and as {@link verifyChain}
 *   (X509-SVID, 5)
 */
export function verifyX509Svid(request: X509SvidRequest, crypto: Crypto): VerifiedX509Svid {
  const { chain, bundles, at, purpose = 'any', notAfterGrace = 0 } = request
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) throw new ProtocolError('svid_chain_empty', 'expected a certificate, got none')
  const id = checkSvidLeaf(leaf)
  const roots = bundleFor(bundles, id.trustDomain).x509Authorities
  const path = verifyChain({ leaf, intermediates, roots, at, purpose, notAfterGrace }, crypto)
  const [, ...authorities] = path
  // A leaf that lies in the bundle is no authority, and its own presence there no proof (X509-SVID, 3.2).
  if (authorities.length === 0) throw new ProtocolError('svid_authority_not_ca', 'expected an authority above the leaf')
  authorities.forEach(checkSigningCertificate)
  return { id, path }
}

/**
 * The SPIFFE ID of a certificate that obeys the rules of a leaf. Proves nothing about who signed it.
 *
 * @throws ProtocolError `svid_is_authority`, `svid_key_usage_invalid`, `svid_extended_key_usage_incomplete`,
 *   `svid_uri_missing`, `svid_uri_multiple`, `svid_path_missing`, `svid_san_not_critical`, `spiffe_*`,
 *   `trust_domain_*` (X509-SVID, 2 to 4)
 */
export function checkSvidLeaf(certificate: Certificate): SpiffeId {
  checkIsLeaf(certificate)
  checkLeafKeyUsage(certificate)
  checkExtendedKeyUsage(certificate)
  const id = leafId(certificate)
  // X509-SVID, 3.1: the ID of a leaf has a path. One without would speak as the trust domain itself.
  if (id.path === '') throw new ProtocolError('svid_path_missing', `expected an ID with a path, got ${id}`)
  // X509-SVID, 3.1, and RFC 5280, 4.2.1.6. The reverse (a subject, and a critical name) is only discouraged there, and
  // no reader takes it for another identity: it passes.
  if (certificate.subject.isEmpty && !certificate.subjectAltName?.critical)
    throw new ProtocolError('svid_san_not_critical', 'expected a critical subject alternative name beside no subject')
  return id
}

/** X509-SVID, 2: exactly one URI. A second one would be a second identity for whoever reads the other one first. */
function leafId({ subjectAltName }: Certificate): SpiffeId {
  const [uri, ...more] = subjectAltName?.uri ?? []
  if (uri === undefined) throw new ProtocolError('svid_uri_missing', 'expected exactly one URI name, got none')
  if (more.length > 0)
    throw new ProtocolError('svid_uri_multiple', `expected exactly one URI name, got ${more.length + 1}`)
  return SpiffeId.parse(uri)
}

/** X509-SVID, 4.1 and 4.3: what may sign certificates or CRLs never authenticates. */
function checkIsLeaf({ basicConstraints, keyUsage }: Certificate): void {
  const signs = keyUsage?.has('keyCertSign') ? 'keyCertSign' : keyUsage?.has('cRLSign') ? 'cRLSign' : null
  if (basicConstraints?.ca) throw new ProtocolError('svid_is_authority', 'expected cA false, got true')
  if (signs !== null) throw new ProtocolError('svid_is_authority', `expected no ${signs} in the key usage of a leaf`)
}

/** X509-SVID, 4.3: present, critical, and the leaf signs handshakes. */
function checkLeafKeyUsage(certificate: Certificate): void {
  if (!certificate.keyUsage?.has('digitalSignature'))
    throw new ProtocolError('svid_key_usage_invalid', 'expected digitalSignature in the key usage of a leaf')
  if (!isCritical(certificate, EXTENSIONS.keyUsage))
    throw new ProtocolError('svid_key_usage_invalid', 'expected a critical key usage')
}

/** X509-SVID, 4.4: the extension may be missing; when it is there, it has both. */
function checkExtendedKeyUsage({ extendedKeyUsage }: Certificate): void {
  if (extendedKeyUsage === undefined) return
  for (const name of ['serverAuth', 'clientAuth'] as const)
    if (!extendedKeyUsage.includes(EXTENDED_KEY_USAGES[name]))
      throw new ProtocolError('svid_extended_key_usage_incomplete', `expected ${name} in the extended key usage`)
}

/**
 * The SPIFFE ID of a signing certificate, or null for an authority that has none: X.509 authorities above a SPIFFE
 * deployment need not know of SPIFFE.
 *
 * @throws ProtocolError `svid_authority_not_ca`, `svid_key_usage_invalid`, `svid_uri_multiple`, `svid_authority_path`,
 *   `spiffe_*`, `trust_domain_*` (X509-SVID, 3.2, 4.1, 4.3)
 */
export function checkSigningCertificate(certificate: Certificate): SpiffeId | null {
  if (!certificate.basicConstraints?.ca) throw new ProtocolError('svid_authority_not_ca', 'expected cA true')
  if (!certificate.keyUsage?.has('keyCertSign'))
    throw new ProtocolError('svid_key_usage_invalid', 'expected keyCertSign in the key usage of an authority')
  const uris = certificate.subjectAltName?.uri ?? []
  if (!uris.some(uri => uri.toLowerCase().startsWith('spiffe:'))) return null
  return signingId(certificate, uris)
}

function signingId(certificate: Certificate, uris: readonly string[]): SpiffeId {
  if (!isCritical(certificate, EXTENSIONS.keyUsage))
    throw new ProtocolError('svid_key_usage_invalid', 'expected a critical key usage')
  if (uris.length > 1) throw new ProtocolError('svid_uri_multiple', `expected exactly one URI name, got ${uris.length}`)
  const id = SpiffeId.parse(uris[0]!)
  if (id.path !== '') throw new ProtocolError('svid_authority_path', `expected the ID of a trust domain, got ${id}`)
  return id
}

function isCritical(certificate: Certificate, oid: string): boolean {
  return certificate.extensions.some(extension => extension.oid === oid && extension.critical)
}
