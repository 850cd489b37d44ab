import { type Certificate, equalBytes, ProtocolError } from '@lanyard/protocol'
import type { PeerChain } from './peer-chain.ts'

/**
 * Whether a chain could lead to one of our own roots: one of its certificates says that one of them issued it. It proves
 * nothing, and says by which rules the chain is judged: what ours stand behind counts by our record of it alone, also
 * where somebody named our root among the authorities of others.
 */
export function isOwnChain({ certificates }: PeerChain, roots: readonly Certificate[]): boolean {
  if (certificates instanceof ProtocolError) return false
  return certificates.some(({ issuer }) => roots.some(({ subject }) => equalBytes(subject.der, issuer.der)))
}
