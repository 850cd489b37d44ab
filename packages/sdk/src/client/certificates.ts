import { Certificate, decodePem } from '@lanyard/protocol'

/** What a chain or a bundle may be at most: far more than any of ours. */
const LIMITS = { labels: ['CERTIFICATE'], maxBytes: 256 * 1024, maxBlocks: 64 } as const

/** The certificates of a chain or a bundle, in order. Throws ProtocolError. */
export const certificatesOf = (pem: string): Certificate[] =>
  decodePem(pem, LIMITS).map(({ der }) => Certificate.fromDer(der))
