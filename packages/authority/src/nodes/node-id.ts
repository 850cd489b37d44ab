import { NAME_PATTERN, SpiffeId, type TrustDomain } from '@lanyard/protocol'
import type { NodeScope } from '../ports.ts'

export type NodeName = Pick<NodeScope, 'name' | 'tenant'>

/** The SPIFFE ID of a node. No agent can have one: the first segment is reserved. */
export const nodeId = (trustDomain: TrustDomain, { tenant, name }: NodeName): SpiffeId =>
  SpiffeId.of(trustDomain, 'lanyard', 'node', ...(tenant === null ? [] : [tenant]), name)

/** Which node an ID names; null for any other ID. */
export function readNodeId({ path }: SpiffeId): NodeName | null {
  const [, first, second, ...names] = path.split('/')
  if (first !== 'lanyard' || second !== 'node' || !names.every(name => NAME_PATTERN.test(name))) return null
  if (names.length === 1) return { tenant: null, name: names[0]! }
  return names.length === 2 ? { tenant: names[0]!, name: names[1]! } : null
}
