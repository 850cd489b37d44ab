import { ProtocolError } from '../errors.ts'
import { EXTENDED_KEY_USAGES, EXTENSIONS } from '../oids.ts'
import type { Certificate } from './certificate.ts'
import { type RsaLimits, requireKeyLimits } from './key-limits.ts'
import { sameName } from './name-comparison.ts'

/** What a chain is to be used for. `any` leaves extendedKeyUsage to the caller. */
export type ChainPurpose = 'serverAuth' | 'clientAuth' | 'any'

/** Those that are processed here, or whose meaning cannot change a verdict: any policy suits us (RFC 5280, 6.1.1 (c)). */
const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSIONS.basicConstraints,
  EXTENSIONS.keyUsage,
  EXTENSIONS.extendedKeyUsage,
  EXTENSIONS.subjectAltName,
  EXTENSIONS.nameConstraints,
  EXTENSIONS.certificatePolicies,
])

/** Those that a conforming CA never marks critical (RFC 5280, 4.2.1.1, 4.2.1.2, 4.2.2.1). */
const NEVER_CRITICAL: ReadonlySet<string> = new Set([
  EXTENSIONS.authorityKeyIdentifier,
  EXTENSIONS.subjectKeyIdentifier,
  EXTENSIONS.authorityInfoAccess,
])

/** Those that limit which policies may follow, always critical (RFC 5280, 4.2.1.11, 4.2.1.14), and not processed here. */
const POLICY_LIMITS: ReadonlySet<string> = new Set([EXTENSIONS.policyConstraints, EXTENSIONS.inhibitAnyPolicy])

/**
 * The rules of RFC 5280, 4 that any certificate of a chain obeys by itself, wherever it stands. They are rules for CAs; a
 * certificate that breaks them was made by a broken or a careless one, and other readers may see another thing in it.
 *
 * @throws ProtocolError `certificate_version_forbidden`, `distinguished_name_missing`, `extension_missing`,
 *   `extension_misplaced`, `extension_criticality`, `extension_critical_unknown`, `key_usage_forbidden`,
 *   `extended_key_usage_forbidden`
 */
export function checkProfile(certificate: Certificate): void {
  // Versions 1 and 2 have no basicConstraints: whoever held such a certificate could act as a CA (RFC 5280, 6.1.4 (k)).
  if (certificate.version !== 3) fail('certificate_version_forbidden', `expected version 3, got ${certificate.version}`)
  checkNames(certificate)
  certificate.extensions.forEach(checkCriticality)
  checkKeyIdentifiers(certificate)
  checkBasicConstraints(certificate)
  checkKeyUsage(certificate)
  // RFC 5280, 4.2.1.10: only in CA certificates.
  if (certificate.nameConstraints !== undefined && !isCa(certificate))
    fail('extension_misplaced', 'expected name constraints in CA certificates only')
}

/** Rules that well-known roots break, and that are held against all others ({@link Certificate.irregularities}). */
export function checkRegular({ irregularities }: Certificate): void {
  const [irregularity] = irregularities
  if (irregularity !== undefined) throw new ProtocolError(irregularity, 'only a root may break this rule')
}

/** Whether the certificate says that it is a CA. */
export function isCa(certificate: Certificate): boolean {
  return certificate.basicConstraints?.ca === true
}

/** RFC 5280, 6.1: same issuer and subject. Key rollover makes such certificates; pathLen and constraints pass over them. */
export function isSelfIssued(certificate: Certificate): boolean {
  return sameName(certificate.subject, certificate.issuer)
}

/** Keys of foreign chains: larger than ours, and with the exponent 3 that some roots of the web still have. */
const RSA_LIMITS: RsaLimits = { minBits: 2048, maxBits: 8192, minExponent: 3n, maxExponent: 0xffff_ffffn }

/**
 * Refuses keys that are too weak to trust or too dear to verify with, before anything is verified with them.
 *
 * @throws ProtocolError `key_type_forbidden`, `key_too_small`, `key_too_large`, `key_exponent_forbidden`
 */
export function checkKey({ publicKey }: Certificate): void {
  requireKeyLimits(publicKey, RSA_LIMITS)
  // CA/B Forum baseline requirements, 6.1.5: whole octets. No generator makes other moduli.
  if (publicKey.bits % 8 !== 0 && publicKey.type === 'RSA')
    fail('key_too_small', `expected an RSA modulus of whole octets, got ${publicKey.bits} bits`)
}

// RFC 5280, 4.1.2.5: from notBefore through notAfter, both ends included.
export function checkValidity(certificate: Certificate, at: number, notAfterGrace: number): void {
  const { notBefore, notAfter } = certificate
  if (at < notBefore) fail('certificate_not_yet_valid', `begins at ${notBefore}, judged at ${at} (Unix seconds)`)
  if (at > notAfter + notAfterGrace) fail('certificate_expired', `ended at ${notAfter}, judged at ${at} (Unix seconds)`)
}

function checkNames(certificate: Certificate): void {
  const { issuer, subject, subjectAltName } = certificate
  // RFC 5280, 4.1.2.4 and 4.1.2.6.
  if (issuer.isEmpty) fail('distinguished_name_missing', 'expected an issuer, got an empty name')
  if (!subject.isEmpty) return
  if (isCa(certificate)) fail('distinguished_name_missing', 'expected a CA to have a subject')
  // RFC 5280, 4.2.1.6.
  if (subjectAltName === undefined)
    fail('distinguished_name_missing', 'expected a subject or a subjectAltName, got neither')
  if (!subjectAltName.critical)
    fail('extension_criticality', 'expected subjectAltName to be critical beside an empty subject')
}

function checkCriticality({ oid, critical }: { readonly oid: string; readonly critical: boolean }): void {
  if (POLICY_LIMITS.has(oid))
    fail(
      critical ? 'extension_critical_unknown' : 'extension_criticality',
      `limits on policies (${oid}) are not processed`,
    )
  if (!critical || PROCESSED.has(oid)) return
  fail(NEVER_CRITICAL.has(oid) ? 'extension_criticality' : 'extension_critical_unknown', `extension ${oid} is critical`)
}

// RFC 5280, 4.2.1.1 and 4.2.1.2: every CA has one, and every certificate that another key signed names that key.
function checkKeyIdentifiers(certificate: Certificate): void {
  if (certificate.subjectKeyId === undefined && isCa(certificate))
    fail('extension_missing', 'expected a CA to have a subjectKeyIdentifier')
  if (certificate.authorityKeyId !== undefined) return
  if (certificate.extensions.some(({ oid }) => oid === EXTENSIONS.authorityKeyIdentifier))
    fail('extension_missing', 'expected the authorityKeyIdentifier to have a keyIdentifier')
  if (!isSelfIssued(certificate)) fail('extension_missing', 'expected an authorityKeyIdentifier')
}

// RFC 5280, 4.2.1.9.
function checkBasicConstraints(certificate: Certificate): void {
  const { basicConstraints } = certificate
  if (!basicConstraints) return
  if (basicConstraints.ca && !basicConstraints.critical)
    fail('extension_criticality', 'expected basicConstraints of a CA to be critical')
  if (!basicConstraints.ca && basicConstraints.pathLen !== undefined)
    fail('extension_misplaced', 'expected a path length for CAs only')
}

// RFC 5280, 4.2.1.3 and 4.2.1.9: keyCertSign and cA say the same thing, so that one of them alone is a mistake or a trap.
function checkKeyUsage(certificate: Certificate): void {
  const { keyUsage, extendedKeyUsage } = certificate
  if (keyUsage?.size === 0) fail('key_usage_forbidden', 'expected at least one key usage')
  if (extendedKeyUsage?.length === 0) fail('extended_key_usage_forbidden', 'expected at least one purpose')
  const signsCertificates = keyUsage?.has('keyCertSign') ?? isCa(certificate)
  if (signsCertificates && !isCa(certificate)) fail('key_usage_forbidden', 'keyCertSign is for CAs only')
  if (!signsCertificates && isCa(certificate))
    fail('key_usage_forbidden', 'expected keyCertSign in the keyUsage of a CA')
}

const TLS_KEY_USAGES = {
  serverAuth: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  clientAuth: ['digitalSignature', 'keyAgreement'],
} as const

/**
 * Whether a leaf may be used for a purpose. Without extendedKeyUsage it may be used for every one (RFC 5280, 4.2.1.12).
 * `anyExtendedKeyUsage` is refused for a specific purpose: it makes a signer of documents a server for every name in it.
 */
export function checkLeafPurpose(leaf: Certificate, purpose: ChainPurpose): void {
  const { extendedKeyUsage, keyUsage } = leaf
  if (purpose === 'any' || extendedKeyUsage === undefined) return
  if (extendedKeyUsage.includes(EXTENDED_KEY_USAGES.any))
    fail('extended_key_usage_forbidden', `expected ${purpose} by name, got anyExtendedKeyUsage`)
  if (!extendedKeyUsage.includes(EXTENDED_KEY_USAGES[purpose]))
    fail('extended_key_usage_forbidden', `expected ${purpose} among the purposes`)
  // RFC 5280, 4.2.1.12: where both extensions are present, both must allow the purpose.
  if (keyUsage !== undefined && !TLS_KEY_USAGES[purpose].some(usage => keyUsage.has(usage)))
    fail('key_usage_forbidden', `expected one of ${TLS_KEY_USAGES[purpose].join(', ')} for ${purpose}`)
}

/** A CA that has extendedKeyUsage limits what may be issued below it, as the CA/B Forum has it and all verifiers do. */
export function checkIssuerPurpose(issuer: Certificate, purpose: ChainPurpose): void {
  const { extendedKeyUsage } = issuer
  if (purpose === 'any' || extendedKeyUsage === undefined) return
  const { any, [purpose]: wanted } = EXTENDED_KEY_USAGES
  if (!extendedKeyUsage.includes(wanted) && !extendedKeyUsage.includes(any))
    fail('extended_key_usage_forbidden', `expected ${purpose} among the purposes that the CA may issue for`)
}

type RuleCode =
  | 'certificate_expired'
  | 'certificate_not_yet_valid'
  | 'certificate_version_forbidden'
  | 'distinguished_name_missing'
  | 'extended_key_usage_forbidden'
  | 'extension_critical_unknown'
  | 'extension_criticality'
  | 'extension_misplaced'
  | 'extension_missing'
  | 'key_too_small'
  | 'key_usage_forbidden'

function fail(code: RuleCode, detail: string): never {
  throw new ProtocolError(code, detail)
}
