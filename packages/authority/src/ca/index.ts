export { type CaPorts, certify, type Issuer, keyIdOf } from './certify.ts'
export { type AllowedNames, isConstrainedTo } from './constraints.ts'
export { createAgentsIntermediate, createServiceIntermediate } from './intermediate.ts'
export {
  createServerCertificate,
  createSigningCertificate,
  SIGNING_PURPOSES,
  type SigningPurpose,
  serverId,
  signingId,
} from './leaves.ts'
export { AUTHORITY_LIFE, isReplacementDue, replaceAt } from './lives.ts'
export { createNodeCertificate, type NodeLeafInput } from './node-leaf.ts'
export { createRoot } from './root.ts'
export { requireIssuable } from './trust-domain.ts'
