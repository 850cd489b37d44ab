import { createPrivateKey } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import type { Signer } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import { generatePrivateKey } from './generate.ts'
import { keyIdOfSpki } from './key-id.ts'
import type { KeyAlgorithm, KeyManager, KeyPurpose, KeyReference, NewKey } from './key-manager.ts'
import type { MasterKey } from './master-key.ts'
import { unwrap, wrap } from './wrap.ts'

/**
 * Keys that lie wrapped in the store: the handle of a key is the key itself, encrypted. This process holds the
 * wrapping key while it runs, so who can read its memory can open every key; who has the store alone, none.
 */
export class StoredKeys implements KeyManager {
  readonly protection: 'passphrase' | 'unsealed'
  readonly #master: MasterKey
  readonly #trustDomain: string

  constructor(master: MasterKey, protection: 'passphrase' | 'unsealed', trustDomain: string) {
    this.#master = master
    this.protection = protection
    this.#trustDomain = trustDomain
  }

  async create(purpose: KeyPurpose, algorithm: KeyAlgorithm): Promise<NewKey> {
    const privateKey = await generatePrivateKey(algorithm)
    const signer = nodeSigner(privateKey)
    const keyId = keyIdOfSpki(signer.spki)
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
    try {
      const handle = wrap(this.#wrappingKey(), pkcs8, { keyId, purpose, trustDomain: this.#trustDomain })
      return { keyId, purpose, algorithm, handle, signer }
    } finally {
      pkcs8.fill(0)
    }
  }

  async open(key: KeyReference): Promise<Signer> {
    const pkcs8 = unwrap(this.#wrappingKey(), key.handle, { ...key, trustDomain: this.#trustDomain })
    try {
      const signer = nodeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
      if (keyIdOfSpki(signer.spki) === key.keyId) return signer
    } finally {
      pkcs8.fill(0)
    }
    throw new LanyardError('keys_missing', `the key stored as ${key.keyId} is another one`)
  }

  /** The key ends with its row. */
  async destroy(_key: KeyReference): Promise<void> {}

  deriveSecret(purpose: string): Uint8Array {
    return this.#master.derive(`secret ${purpose}`)
  }

  #wrappingKey(): Uint8Array {
    return this.#master.derive('wrap')
  }
}
