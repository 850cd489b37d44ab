export {
  type KeyType,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SignatureAlgorithmName,
  signatureAlgorithmFor,
} from './algorithms.ts'
export { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from './base64.ts'
export { BoundedMap } from './bounded-map.ts'
export { concat, decodeUtf8, encodeUtf8, equalBytes, equalSecrets, fromHex, toHex } from './bytes.ts'
export * from './errors.ts'
export { type AckSigning, AckVerifier, signAck, type VerifiedAck, verifyAck } from './feed/ack.ts'
export { credentialOf, tokenCredentialOf } from './feed/credential.ts'
export { Deaths } from './feed/deaths.ts'
export { type FeedTrust, FeedVerifier } from './feed/feed-verifier.ts'
export { Follower, type FollowerOptions, type Received, type Standing } from './feed/follower.ts'
export { type FeedSigning, feedLineMembers, MAX_FEED_LINE_BYTES, signFeedLine } from './feed/line.ts'
export {
  type ReceiptSigning,
  type ReceiptTrust,
  signReceipt,
  type VerifiedReceipt,
  verifyReceipt,
} from './feed/receipt.ts'
export type { ReceiptAck } from './feed/receipt-acks.ts'
export { MAX_RECEIPT_POINTS, parseReceipt } from './feed/receipt-fields.ts'
export { type ClockSample, clockSample, type Now } from './feed/staleness.ts'
export { subjectOf, subjectsOf } from './feed/subject.ts'
export type {
  Ack,
  Credential,
  Death,
  FeedLine,
  Rebirth,
  Receipt,
  ReceiptPoint,
  Subject,
  SubjectKind,
} from './feed/types.ts'
export { readBase64Der } from './forwarded/base64-der.ts'
export { type ForwardedChain, MAX_FORWARDED_CHAIN, MAX_FORWARDED_CHARS } from './forwarded/chain.ts'
export { readClientCert } from './forwarded/client-cert.ts'
export { readEscapedPem } from './forwarded/escaped-pem.ts'
export { readXfcc } from './forwarded/xfcc.ts'
export { JOSE_ALGORITHMS, joseAlgorithmsFor } from './jose/algorithms.ts'
export { isJsonObject, type JsonLimits, type JsonObject, type JsonValue, parseJsonObject } from './jose/json.ts'
export { jwkFromSpki, jwkThumbprint, type PublicJwk, spkiFromJwk } from './jose/jwk.ts'
export {
  type CompactExpectation,
  type CompactInput,
  type JwsHeader,
  MAX_TOKEN_BYTES,
  readCompact,
  signCompact,
  type UnverifiedJws,
  type VerifiedJws,
  type VerifyKey,
  verifyCompact,
  verifyRead,
} from './jose/jws.ts'
export {
  type ClaimsExpectation,
  checkClaims,
  type JwtClaims,
  type JwtExpectation,
  type JwtInput,
  parseClaims,
  signJwt,
  TokenTimeError,
  verifyJwt,
} from './jose/jwt.ts'
export { ACCESS_METHODS, EXTENDED_KEY_USAGES, EXTENSIONS, KEY_OIDS } from './oids.ts'
export { decodePem, encodePem, type PemBlock, type PemLimits } from './pem.ts'
export type { Crypto, SignatureFormat, Signer } from './ports.ts'
export {
  Bundle,
  type BundleContents,
  type BundleSource,
  bundleFor,
  bundleSource,
  MAX_BUNDLE_KEYS,
  MAX_BUNDLE_LENGTH,
} from './spiffe/bundle.ts'
export { MAX_SPIFFE_ID_BYTES, MAX_TRUST_DOMAIN_BYTES, SpiffeId, TrustDomain } from './spiffe/id.ts'
export {
  DEFAULT_ID_TEMPLATE,
  IdTemplate,
  MAX_NAME_BYTES,
  NAME_PATTERN,
  parseName,
  RESERVED_FIRST_SEGMENTS,
} from './spiffe/id-template.ts'
export {
  JWT_SVID_LEEWAY,
  type JwtSvidInput,
  type JwtSvidRequest,
  signJwtSvid,
  type VerifiedJwtSvid,
  verifyJwtSvid,
} from './spiffe/jwt-svid.ts'
export { anyId, exactId, memberOf, oneOfIds, pathPrefix, type SpiffeIdMatcher } from './spiffe/matcher.ts'
export { SVID_TOKEN_ALGORITHMS, type TokenAuthority, tokenAuthority } from './spiffe/token-authority.ts'
export {
  signWitSvid,
  type VerifiedWitSvid,
  verifyWitSvid,
  WIT_SVID_TYP,
  type WitSvidInput,
  type WitSvidRequest,
} from './spiffe/wit-svid.ts'
export {
  checkSigningCertificate,
  checkSvidLeaf,
  type VerifiedX509Svid,
  verifyX509Svid,
  type X509SvidRequest,
} from './spiffe/x509-svid.ts'
export { assembleCertificate, type CertificateInput, encodeTbs, signCertificate } from './x509/build.ts'
export { Certificate, type Irregularity } from './x509/certificate.ts'
export { type ChainPurpose, type ChainRequest, type ReferenceName, verifyChain } from './x509/chain.ts'
export { buildCsr, MAX_CSR_BYTES, parseCsr, type UnverifiedCsr, verifyCsr } from './x509/csr.ts'
export { canonicalDistinguishedName, distinguishedName } from './x509/distinguished-name.ts'
export { parseDnsName } from './x509/dns-name.ts'
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
export { formatIpAddress, parseIpAddress } from './x509/ip-address.ts'
export { RSA_LIMITS, type RsaLimits, requireKeyLimits } from './x509/key-limits.ts'
export { EMPTY_NAME, encodeName, formatName, type Name, type NameAttribute } from './x509/name.ts'
export { x509popMessage } from './x509/possession.ts'
export { keyIdentifier, type PublicKeyInfo, parsePublicKey } from './x509/public-key.ts'
