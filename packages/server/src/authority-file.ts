import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { Certificate, decodePem, ProtocolError } from '@lanyard/protocol'

/** Certificates in one text at most. */
const CERTIFICATES_MAX = 100

/** Runs what reads a setting. Throws `config_invalid`, naming the setting, for what is refused. */
export function named<T>(setting: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof LanyardError)) throw error
    throw new LanyardError('config_invalid', `${setting}: ${error.message}`, {}, { cause: error })
  }
}

/** The text of a file. Throws `config_invalid`. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new LanyardError('config_invalid', `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** The authorities in a PEM file; none for no file. Throws `config_invalid`, naming the setting. */
export const readAuthorities = (setting: string, file: string | null): readonly Certificate[] =>
  file === null ? [] : named(setting, () => authoritiesIn(readText(file), file))

/**
 * The authorities in a PEM text; `where` stands in what is refused. Throws `config_invalid`, and what PEM and DER are
 * refused with.
 */
export function authoritiesIn(pem: string, where: string): readonly Certificate[] {
  const roots = certificatesIn(pem)
  if (roots.length === 0 || roots.some(({ basicConstraints }) => !basicConstraints?.ca))
    throw new LanyardError('config_invalid', `${where}: expected certificates of authorities alone`)
  return roots
}

/** The certificates in a PEM text. Throws what PEM and DER are refused with. */
export const certificatesIn = (pem: string): readonly Certificate[] =>
  decodePem(pem, { labels: ['CERTIFICATE'], maxBlocks: CERTIFICATES_MAX }).map(({ der }) => Certificate.fromDer(der))
