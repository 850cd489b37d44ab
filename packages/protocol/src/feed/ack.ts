import { BoundedMap } from '../bounded-map.ts'
import { encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { readCompactWithChain, signCompact } from '../jose/jws.ts'
import type { Crypto, Signer } from '../ports.ts'
import type { SpiffeId } from '../spiffe/id.ts'
import type { Certificate } from '../x509/certificate.ts'
import { Fields } from './fields.ts'
import { chainOf, type Proof, type ProofExpectation, payloadSignedBy, proveSvid, requireTyp } from './proof.ts'
import type { Ack } from './types.ts'

/** Keeps acknowledgements apart from every other token. */
export const ACK_TYP = 'lanyard-ack+jwt'
/** Longest acknowledgement that is read, in bytes. */
export const MAX_ACK_BYTES = 32_768

/** What signs acknowledgements: the key of an SVID, and its chain as TLS sends it, the leaf first. */
export interface AckSigning {
  readonly signer: Signer
  readonly chain: readonly Certificate[]
}

/** The acknowledgement as it is sent, a compact JWS: at once when the signer answers at once. */
export function signAck(ack: Ack, { signer, chain }: AckSigning): string | Promise<string> {
  const [leaf] = chain
  if (leaf === undefined) throw new ProtocolError('ack_invalid', 'expected a certificate to sign with, got none')
  const payload = {
    point: ack.point,
    feed_id: ack.feedId,
    epoch: ack.epoch,
    applied_at: ack.appliedAt,
    cut: ack.cut,
    last_accept: ack.lastAccept,
    offset_ms: ack.offsetMs,
    uncertainty_ms: ack.uncertaintyMs,
  }
  const header = { kid: leaf.serialHex, typ: ACK_TYP, x5c: chain.map(({ der }) => der) }
  return signCompact({ header, payload: encodeUtf8(JSON.stringify(payload)) }, signer)
}

/** An acknowledgement with whose it is. */
export interface VerifiedAck {
  readonly ack: Ack
  readonly id: SpiffeId
  /** The leaf first, the root last. */
  readonly chain: readonly Certificate[]
}

/** An acknowledgement that was taken apart, and nothing more. */
export interface UnprovedAck {
  readonly chain: readonly Certificate[]
  /** Proves the chain as `expected` says. Throws as {@link verifyAck}. */
  prove(expected: ProofExpectation): VerifiedAck
}

/**
 * An acknowledgement, once the key of an SVID of this trust domain has signed it. `at` is in Unix milliseconds.
 *
 * @throws ProtocolError `ack_invalid`, `jws_*`, `json_*`, `der_*`, `svid_*`, `spiffe_*`, and as {@link verifyChain}
 */
export function verifyAck(token: string, expected: ProofExpectation, crypto: Crypto): VerifiedAck {
  return openAck(token, crypto).prove(expected)
}

/** Chains remembered at once; a point has one at a time. */
const MAX_CHAINS = 4096

/**
 * Verifies what many points say again and again: a chain is proved once, and each acknowledgement's signature always.
 */
export class AckVerifier {
  readonly #crypto: Crypto
  /** By the protected header as it was written: the certificates, the algorithm and the kind of the token. */
  readonly #proved = new BoundedMap<string, Proof & { readonly leaf: Certificate }>(MAX_CHAINS)

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** As {@link verifyAck}, which it throws as. */
  verify(token: string, expected: ProofExpectation): VerifiedAck {
    const header = token.slice(0, token.indexOf('.') + 1)
    const known = this.#proved.get(header)
    if (known === undefined || !holds(known, expected)) return this.#prove(token, header, expected)
    const jws = readCompactWithChain(token, MAX_ACK_BYTES)
    const ack = parseAck(payloadSignedBy(jws, known.leaf, this.#crypto))
    return { ack, id: known.id, chain: known.path }
  }

  // Only what a signature has vouched for: a stranger who repeats certificates must not fill the memory.
  #prove(token: string, header: string, expected: ProofExpectation): VerifiedAck {
    const verified = verifyAck(token, expected, this.#crypto)
    const { id, chain: path } = verified
    this.#proved.set(header, { id, path, leaf: path[0]! })
    return verified
  }
}

/** Whether a path that was proved before is still one at `at`, under a root that is still trusted. */
function holds({ id, path }: Proof, { roots, at, trustDomain }: ProofExpectation): boolean {
  const second = Math.floor(at / 1000)
  const root = path.at(-1)!
  return (
    path.every(({ notBefore, notAfter }) => second >= notBefore && second <= notAfter) &&
    roots.some(trusted => trusted === root || trusted.equals(root)) &&
    (trustDomain === undefined || id.memberOf(trustDomain))
  )
}

/** For readers who must see the certificate before they know at what time to judge it. Throws as {@link verifyAck}. */
export function openAck(token: string, crypto: Crypto): UnprovedAck & { readonly unprovedAck: Ack } {
  const jws = readCompactWithChain(token, MAX_ACK_BYTES)
  requireTyp(jws.header, ACK_TYP)
  const chain = chainOf(jws.header, 'ack_invalid')
  const unprovedAck = parseAck(jws.unverifiedPayload)
  const prove = (expected: ProofExpectation): VerifiedAck => {
    const { id, path } = proveSvid(chain, expected, crypto)
    payloadSignedBy(jws, chain[0]!, crypto)
    return { ack: unprovedAck, id, chain: path }
  }
  return { chain, unprovedAck, prove }
}

function parseAck(payload: Uint8Array): Ack {
  const fields = Fields.parse(payload, 'ack_invalid', 1)
  fields.only('point', 'feed_id', 'epoch', 'applied_at', 'cut', 'last_accept', 'offset_ms', 'uncertainty_ms')
  const ack: Ack = {
    point: fields.uuid('point'),
    feedId: fields.label('feed_id'),
    epoch: fields.count('epoch'),
    appliedAt: fields.count('applied_at'),
    cut: fields.count('cut'),
    lastAccept: fields.countOrNull('last_accept'),
    offsetMs: fields.number('offset_ms'),
    uncertaintyMs: fields.number('uncertainty_ms'),
  }
  if (ack.uncertaintyMs < 0) fields.fail('expected uncertainty_ms not to be negative')
  return ack
}
