import { type Crypto, NAME_PATTERN } from '@lanyard/protocol'
import { lengthPrefixed } from '../length-prefixed.ts'

/** What is made of a claim that is no name. No claim may be of this form itself, or it could be the name of another. */
const MADE = /^f-[a-z2-7]{52}$/

/**
 * The name of an agent by the claim that its identity provider gave it: the claim itself where it is a name, otherwise
 * `f-` and base32 of SHA-256 over issuer and claim, each after its length, so that no two pairs give one text.
 */
export function agentNameOf(issuer: string, claim: string, crypto: Pick<Crypto, 'sha256'>): string {
  if (NAME_PATTERN.test(claim) && !MADE.test(claim)) return claim
  return `f-${encodeBase32(crypto.sha256(lengthPrefixed([issuer, claim])))}`
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648, section 6, in lower case and without padding. */
function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31]
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31]
}
