import { statSync } from 'node:fs'
import { isoTime } from '@lanyard/authority'
import type { Certificate } from '@lanyard/protocol'
import type { Protection } from '../keys/key-manager.ts'

const YEAR = 365 * 86_400_000
/** What the clocks of this system may differ by. */
const SKEW = 10_000

export interface Circumstances {
  readonly protection: Protection
  readonly folder: string
  readonly passphraseFile: string | undefined
  readonly root: Certificate
  /** When the newest key of the store was made, in Unix milliseconds. */
  readonly newestKeyAt: number
  /** Unix milliseconds. */
  readonly at: number
  /** Networks whose every address is believed to be a proxy. */
  readonly believedAddresses?: readonly string[]
}

/** What the owner of this server should know, one sentence each. Each starts with a word that stays. */
export function warningsOf(circumstances: Circumstances): string[] {
  const { protection, folder, passphraseFile, root, newestKeyAt, at, believedAddresses = [] } = circumstances
  return [
    ...protectionWarning(protection, folder),
    ...(passphraseFile !== undefined && isReadByOthers(passphraseFile)
      ? [`passphrase: other users of this machine can read ${passphraseFile}`]
      : []),
    ...(at < newestKeyAt - SKEW
      ? [
          `clock: it shows ${isoTime(at)}, but this store has a key from ${isoTime(newestKeyAt)}; what is issued may be over already`,
        ]
      : []),
    ...(root.notAfter * 1000 - at < YEAR
      ? [`root: it ends at ${isoTime(root.notAfter * 1000)}, and everything under it with it`]
      : []),
    ...(believedAddresses.length > 0
      ? [`proxy: whoever sends from ${believedAddresses.join(', ')} can pretend to be any agent and any operator`]
      : []),
  ]
}

function protectionWarning(protection: Protection, folder: string): string[] {
  switch (protection) {
    case 'passphrase':
      return []
    case 'unsealed':
      return [
        `unsealed: the key that wraps the authority's keys lies beside them, so whoever reads ${folder}, or a copy of it, can issue any identity; a new data folder started with LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE is sealed`,
      ]
    case 'memory':
      return ['memory: the authority ends with this process, and every certificate with it']
    default:
      throw new TypeError(`no warning for ${String(protection satisfies never)}`)
  }
}

const isReadByOthers = (file: string): boolean => (statSync(file).mode & 0o007) !== 0
