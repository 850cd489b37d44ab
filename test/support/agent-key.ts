import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { buildCsr, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'

export type AgentKeyType = 'RSA-2048' | 'P-256'

/** A key of an agent, with the CSR that the agent would send. */
export interface KeyAndCsr {
  readonly key: KeyObject
  readonly csrPem: string
}

/** One new key and its CSR. */
export async function agentKey(type: AgentKeyType): Promise<KeyAndCsr> {
  const { privateKey } =
    type === 'P-256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const csr = await buildCsr(nodeSigner(privateKey))
  return { key: privateKey, csrPem: encodePem('CERTIFICATE REQUEST', csr) }
}
