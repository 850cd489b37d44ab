import { createHash, timingSafeEqual } from 'node:crypto'
import { decodePem, encodePem } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'

const MAX_ROOT_BYTES = 64 * 1024
const MAX_ROOTS = 16

/**
 * The SHA-256 of a root as people write it: 64 hex digits, colons and capitals as OpenSSL prints them included.
 *
 * @throws TypeError
 */
export function parseFingerprint(text: string): Buffer {
  const hex =
    typeof text === 'string'
      ? text
          .trim()
          .replace(/^sha256:/i, '')
          .replaceAll(':', '')
          .toLowerCase()
      : ''
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw new TypeError(`expected rootSha256 as 64 hex digits, got ${hex.length} characters`)
  return Buffer.from(hex, 'hex')
}

/**
 * That root among the certificates of a PEM file which has the fingerprint; nothing else in it is believed.
 *
 * @returns PEM
 * @throws IdentityError `fingerprint_mismatch`
 * @throws ProtocolError `pem_*`
 */
export function pinnedRoot(pem: string, fingerprint: Buffer): string {
  const blocks = decodePem(pem, { labels: ['CERTIFICATE'], maxBytes: MAX_ROOT_BYTES, maxBlocks: MAX_ROOTS })
  const seen = blocks.map(({ der }) => ({ der, sha256: createHash('sha256').update(der).digest() }))
  const pinned = seen.find(({ sha256 }) => timingSafeEqual(sha256, fingerprint))
  if (pinned) return encodePem('CERTIFICATE', pinned.der)
  const got = seen.map(({ sha256 }) => sha256.toString('hex')).join(', ') || 'none'
  throw new IdentityError('fingerprint_mismatch', `expected root ${fingerprint.toString('hex')}, got ${got}`)
}
