export { type IssuedToken, type NodeRequest, WorkloadDoor, type WorkloadPorts } from './door.ts'
export { isOfNode } from './lineage.ts'
export { recordSignals, type Signal } from './signals.ts'
export type { TokenSigner } from './tokens.ts'
