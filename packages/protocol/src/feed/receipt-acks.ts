import { ProtocolError } from '../errors.ts'
import type { Crypto } from '../ports.ts'
import type { SpiffeId } from '../spiffe/id.ts'
import { openAck } from './ack.ts'
import type { ProofExpectation } from './proof.ts'
import type { Ack, Receipt, ReceiptPoint } from './types.ts'

/** An acknowledgement of a receipt, proved. */
export interface ReceiptAck {
  readonly point: string
  readonly id: SpiffeId
  readonly ack: Ack
}

/** What a point's row repeats of its acknowledgement. */
const REPEATED = ['appliedAt', 'offsetMs', 'uncertaintyMs', 'cut', 'lastAccept'] as const

/**
 * Proves every acknowledgement of a receipt, and that the rows say what the points said. Throws `receipt_invalid`, and as
 * `verifyAck`.
 */
export function proveAcks(
  receipt: Receipt,
  trust: Omit<ProofExpectation, 'at'>,
  crypto: Crypto,
): readonly ReceiptAck[] {
  return receipt.points.flatMap(row => {
    if (row.ack !== null) return [proveAck(row, row.ack, receipt, trust, crypto)]
    // Points of other tenants are counted by the authority's word alone.
    if (row.outcome === 'applied' && row.spiffeId !== null)
      throw invalid(row, 'expected the acknowledgement of a point that applied it')
    return []
  })
}

function proveAck(
  row: ReceiptPoint,
  token: string,
  receipt: Receipt,
  trust: Omit<ProofExpectation, 'at'>,
  crypto: Crypto,
): ReceiptAck {
  const opened = openAck(token, crypto)
  const { ack, id } = opened.prove({ ...trust, at: signingTime(opened.unprovedAck, opened.chain[0]!.notBefore) })
  if (ack.point !== row.point || id.toString() !== row.spiffeId) throw invalid(row, 'this is of another point')
  // The feed may have another name since: a database that was promoted and has this incident has its epoch too.
  if (ack.epoch < receipt.epoch) throw invalid(row, `expected epoch ${receipt.epoch}, got ${ack.epoch}`)
  for (const name of REPEATED)
    if (row[name] !== ack[name]) throw invalid(row, `expected ${name} as the point has it, got ${row[name]}`)
  return { point: row.point, id, ack }
}

/** A certificate may have been renewed between the cut and the acknowledgement: then it was signed after it began. */
const signingTime = ({ appliedAt }: Ack, notBefore: number) => Math.max(appliedAt, notBefore * 1000)

const invalid = ({ point }: ReceiptPoint, detail: string) =>
  new ProtocolError('receipt_invalid', `point ${point}: ${detail}`)
