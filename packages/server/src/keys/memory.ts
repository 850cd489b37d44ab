import { randomBytes } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import type { Signer } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import { generatePrivateKey } from './generate.ts'
import { keyIdOfSpki } from './key-id.ts'
import type { KeyAlgorithm, KeyManager, KeyPurpose, KeyReference, NewKey } from './key-manager.ts'
import { MasterKey } from './master-key.ts'

/** Keys that end with the process: for tests, and for an authority that shall not outlive it. */
export class MemoryKeys implements KeyManager {
  readonly protection = 'memory'
  readonly #keys = new Map<string, { purpose: KeyPurpose; signer: Signer }>()
  readonly #master = new MasterKey(randomBytes(32))

  async create(purpose: KeyPurpose, algorithm: KeyAlgorithm): Promise<NewKey> {
    const signer = nodeSigner(await generatePrivateKey(algorithm))
    const keyId = keyIdOfSpki(signer.spki)
    this.#keys.set(keyId, { purpose, signer })
    return { keyId, purpose, algorithm, handle: new Uint8Array(), signer }
  }

  async open({ keyId, purpose }: KeyReference): Promise<Signer> {
    const found = this.#keys.get(keyId)
    if (found?.purpose === purpose) return found.signer
    throw new LanyardError(
      'keys_missing',
      `expected the ${purpose} key ${keyId} in memory; keys here end with their process`,
    )
  }

  async destroy({ keyId }: KeyReference): Promise<void> {
    this.#keys.delete(keyId)
  }

  deriveSecret(purpose: string): Uint8Array {
    return this.#master.derive(`secret ${purpose}`)
  }
}
