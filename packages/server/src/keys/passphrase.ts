import { randomBytes, scrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { MasterKey } from './master-key.ts'

/** How a passphrase becomes a master key: RFC 7914. */
export interface Scrypt {
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: Uint8Array
}

/** The cost of a new store: 128 MiB and some tenths of a second for each guess. */
const COST = { n: 2 ** 17, r: 8, p: 1 } as const
const SALT = 16

export function newScrypt(): Scrypt {
  return { ...COST, salt: new Uint8Array(randomBytes(SALT)) }
}

/**
 * The master key of a passphrase. Throws `store_damaged` for parameters that we never write: weaker ones would make a
 * new passphrase easy to guess, dearer ones would stop the process.
 */
export async function masterFromPassphrase(passphrase: string, { n, r, p, salt }: Scrypt): Promise<MasterKey> {
  if (n !== COST.n || r !== COST.r || p !== COST.p || salt.length !== SALT)
    throw new LanyardError(
      'store_damaged',
      `expected scrypt N=${COST.n} r=${COST.r} p=${COST.p}, got N=${n} r=${r} p=${p}`,
    )
  // Two keyboards write the same letter in two ways; the form of RFC 8265, 4.2 makes them one.
  const bytes = Buffer.from(passphrase.normalize('NFC'))
  try {
    return new MasterKey(await derive(bytes, salt, { N: n, r, p, maxmem: 2 * 128 * n * r }))
  } finally {
    bytes.fill(0)
  }
}

function derive(passphrase: Buffer, salt: Uint8Array, options: object): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(passphrase, salt, 32, options, (error, key) => (error ? reject(error) : resolve(key))),
  )
}

/**
 * The passphrase from LANYARD_PASSPHRASE or the file that LANYARD_PASSPHRASE_FILE names, without a newline at its end;
 * null when neither is set. Throws `config_invalid` when both are, when it is empty, or when the file cannot be read.
 */
export function passphraseFrom(env: Readonly<Record<string, string | undefined>>): string | null {
  const { LANYARD_PASSPHRASE: direct, LANYARD_PASSPHRASE_FILE: file } = env
  if (direct !== undefined && file !== undefined)
    throw new LanyardError('config_invalid', 'expected LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE, got both')
  const passphrase = file === undefined ? direct : readPassphrase(file)
  // Set and empty is a mistake in a script, never a wish for keys without a passphrase.
  if (passphrase === '') throw new LanyardError('config_invalid', 'expected a passphrase, got an empty one')
  return passphrase ?? null
}

function readPassphrase(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code
    throw new LanyardError('config_invalid', `LANYARD_PASSPHRASE_FILE: ${file} cannot be read (${reason})`)
  }
}
