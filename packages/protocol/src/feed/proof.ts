import { type SignatureAlgorithm, signatureAlgorithmFor } from '../algorithms.ts'
import { type ProtocolCode, ProtocolError } from '../errors.ts'
import { type JwsHeader, type UnverifiedJws, type VerifyKey, verifyRead } from '../jose/jws.ts'
import { EXTENDED_KEY_USAGES } from '../oids.ts'
import type { Crypto } from '../ports.ts'
import { SpiffeId, type TrustDomain } from '../spiffe/id.ts'
import { checkSvidLeaf } from '../spiffe/x509-svid.ts'
import { Certificate } from '../x509/certificate.ts'
import { verifyChain } from '../x509/chain.ts'

/** What the certificates of a token are measured against. */
export interface ProofExpectation {
  readonly roots: readonly Certificate[]
  /** Unix milliseconds. */
  readonly at: number
  /** The one trust domain; not compared when absent. */
  readonly trustDomain?: TrustDomain | undefined
}

/** Whose key it is, and the path from its certificate to a root. */
export interface Proof {
  readonly id: SpiffeId
  readonly path: readonly Certificate[]
}

/** The certificates of a header, its own first. Throws the code where there are none or they cannot be read. */
export function chainOf({ x5c }: JwsHeader, code: ProtocolCode): readonly Certificate[] {
  if (x5c === undefined) throw new ProtocolError(code, 'expected the certificates of the key in x5c')
  return x5c.map(Certificate.fromDer)
}

/** Throws `jws_type_mismatch` for a token of another kind (RFC 8725, 3.11). */
export function requireTyp({ typ }: JwsHeader, expected: string): void {
  if (typ !== expected) throw new ProtocolError('jws_type_mismatch', `expected typ ${expected}, got another`)
}

/** The payload, signed by the key of the certificate with the one algorithm of its type. Throws `jws_*`. */
export function payloadSignedBy(jws: UnverifiedJws, leaf: Certificate, crypto: Crypto): Uint8Array {
  return verifyRead(jws, keyOf(leaf), crypto)
}

/** The key of a certificate with the one algorithm that keys of its type sign with here. Throws `key_type_forbidden`. */
export function keyOf({ publicKey }: Certificate): VerifyKey {
  if (publicKey.type === null) throw new ProtocolError('key_type_forbidden', 'expected a key that can be verified with')
  const algorithm: SignatureAlgorithm = signatureAlgorithmFor(publicKey.type)
  return { algorithm, spki: publicKey.der }
}

/**
 * Proves that the first certificate is for one purpose of ours: directly or by others under a root, our extended key
 * usage and no other, one SPIFFE ID.
 *
 * @throws ProtocolError as {@link verifyChain}, `extended_key_usage_forbidden`, `svid_uri_*`, `spiffe_*`,
 *   `spiffe_id_mismatch`
 */
export function proveOwn(
  chain: readonly Certificate[],
  usage: 'lanyardFeed' | 'lanyardReceipt',
  expected: ProofExpectation,
  crypto: Crypto,
): Proof {
  const [leaf, ...intermediates] = chain as [Certificate, ...Certificate[]]
  const path = verifyChain({ leaf, intermediates, ...inSeconds(expected), purpose: 'any' }, crypto)
  const [only, ...more] = leaf.extendedKeyUsage ?? []
  if (only !== EXTENDED_KEY_USAGES[usage] || more.length > 0)
    throw new ProtocolError('extended_key_usage_forbidden', `expected ${usage} as the one purpose`)
  const [uri, ...others] = leaf.subjectAltName?.uri ?? []
  if (uri === undefined) throw new ProtocolError('svid_uri_missing', 'expected exactly one URI name, got none')
  if (others.length > 0) throw new ProtocolError('svid_uri_multiple', 'expected exactly one URI name, got more')
  return { id: ofDomain(SpiffeId.parse(uri), expected), path }
}

/** Proves the chain of an SVID. Throws as {@link verifyChain}, `svid_*`, `spiffe_*`, `spiffe_id_mismatch`. */
export function proveSvid(chain: readonly Certificate[], expected: ProofExpectation, crypto: Crypto): Proof {
  const [leaf, ...intermediates] = chain as [Certificate, ...Certificate[]]
  const id = ofDomain(checkSvidLeaf(leaf), expected)
  const path = verifyChain({ leaf, intermediates, ...inSeconds(expected), purpose: 'any' }, crypto)
  // A leaf that is itself among the roots is its own proof, and proves nothing (X509-SVID, 3.2).
  if (path.length < 2) throw new ProtocolError('svid_authority_not_ca', 'expected an authority above the leaf')
  return { id, path }
}

const inSeconds = ({ roots, at }: ProofExpectation) => ({ roots, at: Math.floor(at / 1000) })

function ofDomain(id: SpiffeId, { trustDomain }: ProofExpectation): SpiffeId {
  if (trustDomain !== undefined && !id.memberOf(trustDomain))
    throw new ProtocolError('spiffe_id_mismatch', `expected an ID of ${trustDomain}, got ${id}`)
  return id
}
