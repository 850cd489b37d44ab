import { randomBytes } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import type { KeyRecord } from './key-record.ts'
import { MasterKey } from './master-key.ts'
import { masterFromPassphrase, newScrypt } from './passphrase.ts'
import { createPrivateFile, readPrivateFile } from './private-files.ts'

/** Records of keys that lie in the store. */
export type StoredRecord = Exclude<KeyRecord, { protection: 'memory' }>

export interface Unlocked {
  readonly master: MasterKey
  /** The same record, or the first one, which the caller stores with the first keys. */
  readonly record: StoredRecord
}

export interface UnlockRequest {
  /** Null: the store is new. */
  readonly record: StoredRecord | null
  readonly passphrase: string | null
  /** Where the wrapping key lies when there is no passphrase. */
  readonly wrappingKeyFile: string
}

/**
 * The master key of a store. Only a new store makes anything: otherwise nothing is written, whatever comes out.
 *
 * Throws `passphrase_required`, `passphrase_wrong`, `passphrase_unexpected`, `keys_missing`, `store_damaged`.
 */
export async function unlock({ record, passphrase, wrappingKeyFile }: UnlockRequest): Promise<Unlocked> {
  if (record === null) return await protectNew(passphrase, wrappingKeyFile)
  switch (record.protection) {
    case 'passphrase':
      return { record, master: await byPassphrase(record, passphrase) }
    case 'unsealed':
      return { record, master: byFile(record, passphrase, wrappingKeyFile) }
    default:
      throw unknownProtection(record)
  }
}

async function protectNew(passphrase: string | null, wrappingKeyFile: string): Promise<Unlocked> {
  if (passphrase === null) {
    // Written before the store tells of it. One that a crash left behind has wrapped nothing yet and serves as well.
    const master = readMaster(wrappingKeyFile) ?? createMaster(wrappingKeyFile)
    return { master, record: { protection: 'unsealed', check: master.checkValue() } }
  }
  const scrypt = newScrypt()
  const master = await masterFromPassphrase(passphrase, scrypt)
  return { master, record: { protection: 'passphrase', scrypt, check: master.checkValue() } }
}

async function byPassphrase(
  record: StoredRecord & { protection: 'passphrase' },
  passphrase: string | null,
): Promise<MasterKey> {
  if (passphrase === null)
    throw new LanyardError('passphrase_required', 'the keys in this store are under a passphrase, got none')
  const master = await masterFromPassphrase(passphrase, record.scrypt)
  if (master.matches(record.check)) return master
  throw new LanyardError('passphrase_wrong', 'the passphrase does not open the keys of this store; nothing was changed')
}

function byFile(record: StoredRecord, passphrase: string | null, file: string): MasterKey {
  // Going on would leave the owner in the belief that the keys are encrypted.
  if (passphrase !== null)
    throw new LanyardError('passphrase_unexpected', 'the keys in this store are not under a passphrase, got one')
  const master = readMaster(file)
  if (master === null) throw new LanyardError('keys_missing', `expected the wrapping key of this store in ${file}`)
  if (master.matches(record.check)) return master
  throw new LanyardError('keys_missing', `${file} is the wrapping key of another store`)
}

function createMaster(file: string): MasterKey {
  const bytes = randomBytes(32)
  createPrivateFile(file, `${bytes.toString('hex')}\n`)
  return new MasterKey(bytes)
}

function readMaster(file: string): MasterKey | null {
  const text = readPrivateFile(file)
  if (text === null) return null
  if (!/^[0-9a-f]{64}\n$/.test(text))
    throw new LanyardError('keys_missing', `expected 64 hex digits and a newline in ${file}`)
  return new MasterKey(Buffer.from(text.trimEnd(), 'hex'))
}

const unknownProtection = (record: never) =>
  new LanyardError(
    'store_damaged',
    `expected keys by passphrase or unsealed, got ${String((record as { protection?: unknown }).protection)}`,
  )
