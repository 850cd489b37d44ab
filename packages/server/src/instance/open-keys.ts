import { join } from 'node:path'
import { LanyardError } from '@lanyard/api'
import type { KeyManager, Protection } from '../keys/key-manager.ts'
import { type KeyRecord, readKeyRecord, writeKeyRecord } from '../keys/key-record.ts'
import { MemoryKeys } from '../keys/memory.ts'
import { StoredKeys } from '../keys/stored.ts'
import { type Unlocked, unlock } from '../keys/unlock.ts'

/** Where the record lies among the facts of the store. */
export const KEY_RECORD = 'keys'
/** The wrapping key of an unsealed store, in its data folder. */
export const WRAPPING_KEY_FILE = 'wrapping.key'

export interface KeysRequest {
  readonly kind: 'store' | 'memory'
  /** The data folder. */
  readonly folder: string
  readonly passphrase: string | null
}

/** A key manager as soon as the trust domain is known, and the record of a new store. */
export interface OpenedKeys {
  readonly protection: Protection
  /** What the store shall remember, as text. */
  readonly record: string
  manager(trustDomain: string): KeyManager
}

/**
 * Opens the keys that a store's record speaks of; null is a new store. Nothing is written unless the store is new.
 * Throws the codes of `unlock`, and `keys_missing` when the record speaks of another kind of keys.
 */
export async function openKeys(record: string | null, request: KeysRequest): Promise<OpenedKeys> {
  const known = record === null ? null : readKeyRecord(record)
  switch (request.kind) {
    case 'memory':
      return inMemory(known)
    case 'store':
      return inStore(known, request)
    default:
      throw new LanyardError('config_invalid', `keys: unknown kind ${String(request.kind satisfies never)}`)
  }
}

function inMemory(known: KeyRecord | null): OpenedKeys {
  if (known !== null)
    throw new LanyardError('keys_missing', `the keys of this store (${known.protection}) are not in this process`)
  return {
    protection: 'memory',
    record: writeKeyRecord({ protection: 'memory' }),
    manager: () => new MemoryKeys(),
  }
}

async function inStore(known: KeyRecord | null, { folder, passphrase }: KeysRequest): Promise<OpenedKeys> {
  if (known?.protection === 'memory')
    throw new LanyardError('keys_missing', 'the keys of this store were in the memory of a process that has ended')
  const { master, record }: Unlocked = await unlock({
    record: known,
    passphrase,
    wrappingKeyFile: join(folder, WRAPPING_KEY_FILE),
  })
  return {
    protection: record.protection,
    record: writeKeyRecord(record),
    manager: trustDomain => new StoredKeys(master, record.protection, trustDomain),
  }
}
