import { TEXT_CODES } from './codes.ts'
import { DER_CODES } from './der/codes.ts'
import { FEED_CODES } from './feed/codes.ts'
import { FORWARDED_CODES } from './forwarded/codes.ts'
import { JOSE_CODES } from './jose/codes.ts'
import { SPIFFE_CODES } from './spiffe/codes.ts'
import { X509_CODES } from './x509/codes.ts'

/** What a refusal is called, and what to do about it. */
export interface CodeRow {
  readonly title: string
  readonly remedy: string
}

/** Every way in which this package refuses bytes: code → title and remedy. */
export const PROTOCOL_CODES = {
  ...TEXT_CODES,
  ...DER_CODES,
  ...X509_CODES,
  ...JOSE_CODES,
  ...SPIFFE_CODES,
  ...FEED_CODES,
  ...FORWARDED_CODES,
} as const

export type ProtocolCode = keyof typeof PROTOCOL_CODES

/** Bytes that are not what they claim to be. `code` is stable, the message is for people and never holds a secret. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolCode

  constructor(code: ProtocolCode, detail: string, options?: { cause?: unknown }) {
    super(detail, options)
    this.code = code
  }
}
