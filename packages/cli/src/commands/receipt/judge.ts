import { type ProtocolCode, ProtocolError, TrustDomain, type VerifiedReceipt, verifyReceipt } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { readableIn } from '../../certificate-files.ts'
import { Misuse } from '../../problem.ts'

export interface Question {
  /** Compact JWS. */
  readonly receipt: Uint8Array
  /** PEM or DER. */
  readonly roots: Uint8Array
  readonly trustDomain: string | undefined
}

export type Verdict =
  | { readonly valid: true; readonly verified: VerifiedReceipt; readonly payload: unknown }
  | { readonly valid: false; readonly code: ProtocolCode; readonly detail: string }

/** Whether the receipt is valid, and if not, why. Throws {@link Misuse} for roots that cannot be used. */
export function judge({ receipt, roots, trustDomain }: Question): Verdict {
  const { certificates, fault } = readableIn(roots)
  if (certificates.length === 0) throw new Misuse(`--roots: expected certificates${fault ? `: ${fault.message}` : ''}`)
  const token = Buffer.from(receipt).toString('latin1').trim()
  try {
    const domain = trustDomain === undefined ? undefined : TrustDomain.parse(trustDomain)
    const verified = verifyReceipt(token, { roots: certificates, trustDomain: domain }, nodeCrypto)
    return { valid: true, verified, payload: payloadOf(token) }
  } catch (error) {
    if (error instanceof ProtocolError) return { valid: false, code: error.code, detail: error.message }
    throw error
  }
}

/** What was signed, of a token that was verified. */
const payloadOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
