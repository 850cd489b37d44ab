import { type Certificate, type Crypto, decodeBase64Url, encodeBase64Url, equalSecrets } from '@lanyard/protocol'
import type { Dice } from '../ports.ts'
import { invalid, proving } from './x509pop.ts'

/** Milliseconds in which a machine must answer. */
const CHALLENGE_MS = 60_000

/** Authenticates a text, alike on every instance. */
export type Seal = (text: string) => Uint8Array

/** What was asked of a machine. */
export interface Challenge {
  readonly nonce: Uint8Array
  /** When it was asked, in Unix ms. */
  readonly at: number
}

/** A new challenge for this certificate. Nothing is kept of it: it comes back with the proof, and the seal tells that it is ours. */
export function sealChallenge(leaf: Certificate, at: number, { dice, crypto, seal }: ChallengePorts) {
  const nonce = encodeBase64Url(dice.bytes(32))
  const text = `${nonce}.${thumbprint(leaf, crypto)}.${at}`
  return { nonce, challenge: `${text}.${encodeBase64Url(seal(text))}` }
}

export interface ChallengePorts {
  readonly dice: Dice
  readonly crypto: Crypto
  readonly seal: Seal
}

/** The challenge, if we made it for this certificate, and not too long ago at `at`. Throws `node_proof_invalid`. */
export function openChallenge(
  challenge: string,
  leaf: Certificate,
  at: number,
  { crypto, seal }: Omit<ChallengePorts, 'dice'>,
): Challenge {
  const [nonce = '', of = '', asked = '', tag = '', ...more] = challenge.split('.')
  const ours =
    more.length === 0 &&
    equalSecrets(
      seal(`${nonce}.${of}.${asked}`),
      proving(() => decodeBase64Url(tag)),
    )
  if (!ours || of !== thumbprint(leaf, crypto))
    throw invalid('expected the challenge that was given for this certificate')
  const age = at - Number(asked)
  // Clocks of two instances may differ a little.
  if (age > CHALLENGE_MS || age < -CHALLENGE_MS) throw invalid('expected an answer within a minute')
  return { nonce: decodeBase64Url(nonce), at: Number(asked) }
}

const thumbprint = (leaf: Certificate, crypto: Crypto) => encodeBase64Url(crypto.sha256(leaf.der))
