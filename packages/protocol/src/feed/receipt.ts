import { encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { readCompactWithChain, signCompact } from '../jose/jws.ts'
import type { Crypto, Signer } from '../ports.ts'
import { type SpiffeId, TrustDomain } from '../spiffe/id.ts'
import type { Certificate } from '../x509/certificate.ts'
import { chainOf, payloadSignedBy, proveOwn, requireTyp } from './proof.ts'
import { proveAcks, type ReceiptAck } from './receipt-acks.ts'
import { encodeReceipt, parseReceipt } from './receipt-fields.ts'
import type { Receipt } from './types.ts'

/** Keeps receipts apart from every other token. */
export const RECEIPT_TYP = 'lanyard-receipt+jwt'
/** Longest receipt that is read, in bytes. */
export const MAX_RECEIPT_BYTES = 1 << 25

/** What signs receipts: a key by its id and its certificates, its own first. */
export interface ReceiptSigning {
  readonly kid: string
  readonly signer: Signer
  readonly chain: readonly Certificate[]
}

/**
 * The receipt as a compact JWS that carries the certificates of its key.
 *
 * @throws ProtocolError `receipt_invalid` for a receipt that no reader would take
 */
export async function signReceipt(receipt: Receipt, { kid, signer, chain }: ReceiptSigning): Promise<string> {
  const payload = encodeUtf8(JSON.stringify(encodeReceipt(receipt)))
  parseReceipt(payload)
  const token = await signCompact(
    { header: { kid, typ: RECEIPT_TYP, x5c: chain.map(({ der }) => der) }, payload },
    signer,
  )
  if (token.length > MAX_RECEIPT_BYTES)
    throw new ProtocolError('receipt_invalid', `expected at most ${MAX_RECEIPT_BYTES} bytes, got ${token.length}`)
  return token
}

export interface ReceiptTrust {
  readonly roots: readonly Certificate[]
  /** The one trust domain; the one that the receipt names when absent. */
  readonly trustDomain?: TrustDomain | undefined
}

export interface VerifiedReceipt {
  readonly receipt: Receipt
  /** Unix milliseconds, by the word of the signer: its certificate was valid then. */
  readonly signedAt: number
  readonly signer: SpiffeId
  /** Every acknowledgement in it, with who signed it. */
  readonly acks: readonly ReceiptAck[]
}

/**
 * A receipt, once the authority of its trust domain has signed it and every acknowledgement in it was signed by the
 * point that it is said to be of. Chains are judged at the time of signing, so that a receipt stays valid; nothing else
 * than the roots is needed. It says what the points attest.
 *
 * @throws ProtocolError `receipt_invalid`, `ack_invalid`, `jws_*`, `json_*`, `der_*`, `svid_*`, `spiffe_*`,
 *   `trust_domain_*`, `extended_key_usage_forbidden`, and as {@link verifyChain}
 */
export function verifyReceipt(token: string, trust: ReceiptTrust, crypto: Crypto): VerifiedReceipt {
  const jws = readCompactWithChain(token, MAX_RECEIPT_BYTES)
  requireTyp(jws.header, RECEIPT_TYP)
  const chain = chainOf(jws.header, 'receipt_invalid')
  // The signature first: what follows is read from bytes that the holder of this certificate wrote.
  const receipt = parseReceipt(payloadSignedBy(jws, chain[0]!, crypto))
  const trustDomain = trust.trustDomain ?? TrustDomain.parse(receipt.trustDomain)
  if (receipt.trustDomain !== trustDomain.name)
    throw new ProtocolError('receipt_invalid', `expected a receipt of ${trustDomain}, got one of another trust domain`)
  const at = receipt.closedAt
  const { id } = proveOwn(chain, 'lanyardReceipt', { roots: trust.roots, trustDomain, at }, crypto)
  if (id.path !== '/lanyard/receipt')
    throw new ProtocolError('spiffe_id_mismatch', `expected /lanyard/receipt, got ${id.path}`)
  const acks = proveAcks(receipt, { roots: trust.roots, trustDomain }, crypto)
  return { receipt, signedAt: at, signer: id, acks }
}
