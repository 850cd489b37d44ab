export {
  type KeyType,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SignatureAlgorithmName,
  signatureAlgorithmFor,
} from './algorithms.ts'
export {
  concat,
  decodeBase64,
  decodeBase64Url,
  decodeUtf8,
  encodeBase64,
  encodeBase64Url,
  encodeUtf8,
  equalBytes,
  equalSecrets,
  fromHex,
  toHex,
} from './bytes.ts'
export * from './errors.ts'
export { ACCESS_METHODS, EXTENDED_KEY_USAGES, EXTENSIONS, KEY_OIDS } from './oids.ts'
export { decodePem, encodePem, type PemBlock, type PemLimits } from './pem.ts'
export type { Crypto, SignatureFormat, Signer } from './ports.ts'
export { assembleCertificate, type CertificateInput, encodeTbs, signCertificate } from './x509/build.ts'
export { Certificate, type Irregularity } from './x509/certificate.ts'
export { buildCsr, MAX_CSR_BYTES, parseCsr, type UnverifiedCsr, verifyCsr } from './x509/csr.ts'
export {
  authorityInfoAccess,
  authorityKeyId,
  basicConstraints,
  crlDistributionPoints,
  extendedKeyUsage,
  keyUsage,
  lanyardIdentity,
  nameConstraints,
  subjectAltName,
  subjectKeyId,
} from './x509/extension-encoders.ts'
export { type Extension, KEY_USAGES, type KeyUsage, type LanyardIdentity } from './x509/extensions.ts'
export type { GeneralNames, GeneralNamesInput } from './x509/general-names.ts'
export { RSA_LIMITS, type RsaLimits, requireKeyLimits } from './x509/key-limits.ts'
export { EMPTY_NAME, encodeName, formatName, type Name, type NameAttribute } from './x509/name.ts'
export { keyIdentifier, type PublicKeyInfo, parsePublicKey } from './x509/public-key.ts'
