export { type IssuedToken, type NodeRequest, WorkloadDoor, type WorkloadPorts } from './door.ts'
export { isOfNode } from './lineage.ts'
export type { TokenSigner } from './tokens.ts'
