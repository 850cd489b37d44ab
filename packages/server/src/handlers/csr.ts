import { LanyardError } from '@lanyard/api'
import { decodePem, ProtocolError } from '@lanyard/protocol'

/** The DER of one PKCS#10 request in PEM. Throws `csr_invalid`. */
export function readCsr(pem: string): Uint8Array {
  // Old tools write NEW (RFC 7468, 7).
  const labels = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']
  try {
    return decodePem(pem, { labels, maxBlocks: 1 })[0]!.der
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('csr_invalid', `${error.code}: ${error.message}`)
  }
}
