import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { buildCsr, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'

export type BenchKey = 'RSA-2048' | 'P-256'

/** A key of an agent with the CSR that it would send. */
export interface KeyAndCsr {
  readonly key: KeyObject
  readonly csrPem: string
}

/** One new key and its CSR. */
export async function makeKey(type: BenchKey): Promise<KeyAndCsr> {
  const { privateKey } =
    type === 'P-256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const csr = await buildCsr(nodeSigner(privateKey))
  return { key: privateKey, csrPem: encodePem('CERTIFICATE REQUEST', csr) }
}

/** Keys made before the clock runs: making an RSA key takes a hundred times what issuing to it does. */
export async function keyPool(type: BenchKey, count: number): Promise<readonly KeyAndCsr[]> {
  return Promise.all(Array.from({ length: count }, () => makeKey(type)))
}
