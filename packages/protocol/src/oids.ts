import type { KeyType } from './algorithms.ts'

/** Algorithms of public keys (RFC 3279, RFC 5480, RFC 8410). */
export const KEY_OIDS = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  rsassaPss: '1.2.840.113549.1.1.10',
  ecPublicKey: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
} as const

/** Named curves and the octets of one coordinate (RFC 5480, 2.1.1.1). Other curves are read, and are of no {@link KeyType}. */
export const CURVES: Readonly<Record<string, { readonly type: KeyType; readonly bits: number }>> = {
  '1.2.840.10045.3.1.7': { type: 'P-256', bits: 256 },
  '1.3.132.0.34': { type: 'P-384', bits: 384 },
  '1.3.132.0.35': { type: 'P-521', bits: 521 },
}

/** Signatures (RFC 4055, RFC 5758, RFC 8410); the hash and the salt of PSS stand in its parameters. */
export const SIGNATURE_OIDS = {
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  rsassaPss: '1.2.840.113549.1.1.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  ed25519: '1.3.101.112',
  mgf1: '1.2.840.113549.1.1.8',
} as const

/** Hashes (RFC 4055, 2.1). */
export const HASH_OIDS = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const

// Ours are of X.667, which needs no registration, but below 2^28 instead of a whole UUID: Go refuses every certificate
// with an arc beyond 31 bits (golang/go#30757), and RFC 5280, appendix B, asks readers for no more than 28.
const LANYARD = '2.25.190180810'

/** Certificate extensions (RFC 5280, 4.2), and ours for incarnation and lineage. */
export const EXTENSIONS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  issuerAltName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  lanyardIdentity: `${LANYARD}.1`,
} as const

/** What extendedKeyUsage can name (RFC 5280, 4.2.1.12), and ours for the keys of the authority that certify nothing. */
export const EXTENDED_KEY_USAGES = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  /** Ours: signs the heads of event chains, and nothing that TLS would accept. */
  lanyardEvents: `${LANYARD}.2`,
  /** Ours: signs the lines of the feed. */
  lanyardFeed: `${LANYARD}.3`,
  /** Ours: signs the receipts of kills. */
  lanyardReceipt: `${LANYARD}.4`,
  /** Ours: is a machine that serves identities to its processes, and no TLS peer of anyone but the authority. */
  lanyardNode: `${LANYARD}.5`,
} as const

/** What authorityInfoAccess can point to (RFC 5280, 4.2.2.1). */
export const ACCESS_METHODS = {
  ocsp: '1.3.6.1.5.5.7.48.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',
} as const

/** Attributes of names (RFC 5280, 4.1.2.4), by the short names of RFC 4514 and of common tools. */
export const NAME_ATTRIBUTES = {
  CN: '2.5.4.3',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  DC: '0.9.2342.19200300.100.1.25',
} as const

/** A mailbox in a distinguished name (RFC 5280, 4.1.2.6): old, read only, and under the constraints of mailboxes. */
export const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'
