import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { join, resolve } from 'node:path'
import { writeFiles } from '../../files.ts'
import { refuse } from '../../problem.ts'

export interface SvidFiles {
  /** Certificate and chain. */
  readonly svid: string
  readonly key: string
  readonly bundle: string
}

/** PEM, as the authority gives it. */
export interface SvidParts {
  readonly certificate: string
  readonly chain: string
  readonly bundle: string
  /** PKCS#8 in PEM. */
  readonly key: string
}

export const svidFiles = (folder: string): SvidFiles => ({
  svid: join(folder, 'svid.pem'),
  key: join(folder, 'svid_key.pem'),
  bundle: join(folder, 'bundle.pem'),
})

/**
 * Writes a certificate with its chain, its key (0600) and the roots into a folder, each file whole or not at all. A
 * reader that comes between two of them sees a key that does not fit: it reads again, or waits for the reload command.
 */
export function writeSvid(cwd: string, folder: string, parts: SvidParts): SvidFiles {
  requirePair(parts)
  const files = svidFiles(resolve(cwd, folder))
  writeFiles([
    { path: files.bundle, content: parts.bundle, mode: 0o644 },
    { path: files.key, content: parts.key, mode: 0o600 },
    { path: files.svid, content: parts.certificate + parts.chain, mode: 0o644 },
  ])
  return files
}

export const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string

function requirePair({ certificate, key }: SvidParts): void {
  if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return
  throw refuse('certificate_malformed', 'expected a certificate for the key that was sent, got one for another key')
}
