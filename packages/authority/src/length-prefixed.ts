import { concat, encodeUtf8 } from '@lanyard/protocol'

/**
 * Texts in UTF-8, each behind its length in four bytes: no two lists give the same, whoever chooses what stands in
 * them.
 */
export const lengthPrefixed = (texts: readonly string[]): Uint8Array =>
  concat(...texts.map(encodeUtf8).flatMap(bytes => [lengthOf(bytes), bytes]))

const lengthOf = ({ length }: Uint8Array) =>
  Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255)
