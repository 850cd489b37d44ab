import { type AgentKeyType, agentKey, type KeyAndCsr } from '../test/support/agent-key.ts'

/** Keys made before the clock runs: making an RSA key takes a hundred times what issuing to it does. */
export async function keyPool(type: AgentKeyType, count: number): Promise<readonly KeyAndCsr[]> {
  return Promise.all(Array.from({ length: count }, () => agentKey(type)))
}
