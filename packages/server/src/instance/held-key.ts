import { LanyardError } from '@lanyard/api'
import { Certificate, equalBytes, type Signer } from '@lanyard/protocol'
import { keyIdOfSpki } from '../keys/key-id.ts'
import { KEY_ALGORITHMS, KEY_PURPOSES, type KeyManager, type KeyReference, type NewKey } from '../keys/key-manager.ts'
import type { AuthorityState } from '../store/ports.ts'

/** A key of the authority as the store remembers it, read and consistent. */
export interface KeptKey extends KeyReference {
  /** UUID of the only instance that signs with it; null: every one. */
  readonly instance: string | null
  readonly certificate: Certificate | null
  readonly retired: boolean
  /** Unix milliseconds. */
  readonly createdAt: number
}

/** A key that signs, opened. */
export interface HeldKey extends KeptKey {
  readonly signer: Signer
}

/** A held key with its certificate. */
export type Certified<K extends KeptKey> = K & { readonly certificate: Certificate }

/**
 * A row of the store as a key. Throws `store_damaged` for one that we never wrote, `keys_missing` when certificate and
 * key do not belong together.
 */
export function readAuthority(row: AuthorityState): KeptKey {
  const { keyId, instance, createdAt } = row
  const purpose = KEY_PURPOSES.find(known => known === row.purpose)
  const algorithm = KEY_ALGORITHMS.find(known => known === row.algorithm)
  if (purpose === undefined || algorithm === undefined)
    throw new LanyardError(
      'store_damaged',
      `expected a key of ours, got ${keyId} for ${row.purpose} by ${row.algorithm}`,
    )
  const certificate = row.certificate === null ? null : Certificate.fromDer(row.certificate)
  if (certificate !== null && keyIdOfSpki(certificate.publicKey.der) !== keyId)
    throw new LanyardError('keys_missing', `the certificate of key ${keyId} (${purpose}) is of another key`)
  const handle = row.sealed ?? new Uint8Array()
  return { keyId, purpose, algorithm, handle, instance, certificate, createdAt, retired: row.state === 'retired' }
}

/** The row of a key that was just made. */
export function authorityRow(key: NewKey & Omit<HeldKey, keyof NewKey | 'retired'>): AuthorityState {
  const { keyId, purpose, algorithm, handle, instance, certificate, createdAt } = key
  return {
    keyId,
    purpose,
    instance,
    algorithm,
    certificate: certificate?.der ?? null,
    sealed: handle.length > 0 ? handle : null,
    state: 'active',
    createdAt,
    notAfter: certificate === null ? null : certificate.notAfter * 1000,
  }
}

/** Opens a kept key; throws `keys_missing` when it is not there, or is not the key of its certificate. */
export async function hold(kept: KeptKey, keys: KeyManager): Promise<HeldKey> {
  const signer = await keys.open(kept)
  const { certificate } = kept
  if (certificate !== null && !equalBytes(certificate.publicKey.der, signer.spki))
    throw new LanyardError('keys_missing', `the ${kept.purpose} key ${kept.keyId} is not the one of its certificate`)
  return { ...kept, signer }
}
