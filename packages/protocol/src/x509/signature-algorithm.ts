import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../algorithms.ts'
import { toHex } from '../bytes.ts'
import type { DerReader } from '../der/reader.ts'
import { contextConstructed, TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { element, integer, nullValue, oid, sequence } from '../der/writer.ts'
import { HASH_OIDS, SIGNATURE_OIDS } from '../oids.ts'

/** The AlgorithmIdentifier of a signature. */
export interface SignatureIdentifier {
  readonly der: Uint8Array
  readonly oid: string
  /** The row of our table that these exact bytes stand for, or null. */
  readonly algorithm: SignatureAlgorithm | null
}

type Hash = keyof typeof HASH_OIDS

const NULL = [nullValue()]
const ABSENT: readonly Uint8Array[] = []

const rsa = (dotted: string) => [NULL, ABSENT].map(parameters => sequence(oid(dotted), ...parameters))

// RFC 4055, 2.1 and 3.1: the parameters of a hash are NULL or absent; the salt has the length of the hash, as in TLS and
// JOSE, and the trailer is the default.
function pss(hash: Hash, saltLength: number): Uint8Array[] {
  const hashes = [NULL, ABSENT].map(parameters => sequence(oid(HASH_OIDS[hash]), ...parameters))
  return hashes.flatMap(digest =>
    hashes.map(maskDigest => {
      const mask = sequence(oid(SIGNATURE_OIDS.mgf1), maskDigest)
      const parameters = sequence(
        element(contextConstructed(0), digest),
        element(contextConstructed(1), mask),
        element(contextConstructed(2), integer(saltLength)),
      )
      return sequence(oid(SIGNATURE_OIDS.rsassaPss), parameters)
    }),
  )
}

// RFC 5758, 3.2 and RFC 8410, 3: no parameters.
const bare = (dotted: string) => [sequence(oid(dotted))]

/** Every encoding that is accepted for an algorithm; the first is the one that we write. */
const ENCODINGS: Readonly<Record<keyof typeof SIGNATURE_ALGORITHMS, readonly Uint8Array[]>> = {
  // RFC 4055, 5: NULL is written, absence is accepted.
  'RSA-SHA256': rsa(SIGNATURE_OIDS.sha256WithRsa),
  'RSA-SHA384': rsa(SIGNATURE_OIDS.sha384WithRsa),
  'RSA-SHA512': rsa(SIGNATURE_OIDS.sha512WithRsa),
  'RSA-PSS-SHA256': pss('sha256', 32),
  'RSA-PSS-SHA384': pss('sha384', 48),
  'RSA-PSS-SHA512': pss('sha512', 64),
  'ECDSA-SHA256': bare(SIGNATURE_OIDS.ecdsaWithSha256),
  'ECDSA-SHA384': bare(SIGNATURE_OIDS.ecdsaWithSha384),
  'ECDSA-SHA512': bare(SIGNATURE_OIDS.ecdsaWithSha512),
  Ed25519: bare(SIGNATURE_OIDS.ed25519),
}

const BY_ENCODING = new Map(
  Object.values(SIGNATURE_ALGORITHMS).flatMap(row => ENCODINGS[row.name].map(der => [toHex(der), row] as const)),
)

/** The AlgorithmIdentifier that we write for an algorithm. */
export const encodeSignatureAlgorithm = (algorithm: SignatureAlgorithm): Uint8Array => ENCODINGS[algorithm.name][0]!

/** Reads the AlgorithmIdentifier of a signature; one that is not in our table is read all the same. Throws `der_*`. */
export function readSignatureAlgorithm(reader: DerReader): SignatureIdentifier {
  const { bytes, value } = reader.recorded(outer => outer.inside(TAG.sequence, readIdentifier))
  return { der: bytes, oid: value, algorithm: BY_ENCODING.get(toHex(bytes)) ?? null }
}

function readIdentifier(reader: DerReader): string {
  const dotted = reader.oid()
  if (!reader.done) readValue(reader)
  return dotted
}
