import { type Certificate, equalBytes, ProtocolError } from '@lanyard/protocol'
import type { PeerChain } from './peer-chain.ts'

/**
 * Whether a chain could be ours: its leaf names a lineage, or one of its certificates says that one of our roots issued
 * it. It proves nothing, and says by which rules the chain is judged: what we issued counts by our record of it alone,
 * also where somebody named our root, or an intermediate of ours, among the authorities of others.
 */
export function isOwnChain({ certificates }: PeerChain, roots: readonly Certificate[]): boolean {
  if (certificates instanceof ProtocolError) return false
  if (certificates[0].lanyard !== undefined) return true
  return certificates.some(({ issuer }) => roots.some(({ subject }) => equalBytes(subject.der, issuer.der)))
}
