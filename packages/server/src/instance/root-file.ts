import { join } from 'node:path'
import { type Certificate, toHex } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { readPrivateFile, replacePrivateFile } from '../keys/private-files.ts'

/** In the data folder: the roots, in PEM, for clients on this machine. */
export const ROOT_FILE = 'root.pem'

/** Writes the roots into the data folder, if they are not there as they are. Gives the path. */
export function writeRootFile(folder: string, rootsPem: string): string {
  const file = join(folder, ROOT_FILE)
  if (readPrivateFile(file) !== rootsPem) replacePrivateFile(file, rootsPem)
  return file
}

/** What a person compares before trusting a server: hex of the SHA-256 of the DER. */
export const fingerprintOf = (root: Certificate): string => toHex(nodeCrypto.sha256(root.der))
