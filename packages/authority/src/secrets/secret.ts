import { type Crypto, encodeUtf8, toHex } from '@lanyard/protocol'
import type { Dice } from '../ports.ts'

// lanyard-secret_<12 hex: public id>_<64 hex: 256 random bits>_<8 hex: checksum>: a form that secret scanners can know,
// and a checksum by which they know a whole one.
const FORM = /^(lanyard-secret_([0-9a-f]{12})_([0-9a-f]{64}))_([0-9a-f]{8})$/
/** What every secret of an agent begins with, and nothing else. */
export const AGENT_SECRET_PREFIX = 'lanyard-secret_'

/** Names of a new secret, and what is stored of it. */
export interface FreshSecret {
  /** Public. */
  readonly id: string
  /** The whole of it, to be shown once. */
  readonly secret: string
  readonly hash: Uint8Array
}

export function newAgentSecret(dice: Dice, crypto: Crypto): FreshSecret {
  const id = toHex(dice.bytes(6))
  const bits = toHex(dice.bytes(32))
  const front = `${AGENT_SECRET_PREFIX}${id}_${bits}`
  return { id, secret: `${front}_${checksum(front, crypto)}`, hash: hashOf(bits, crypto) }
}

/** Public id and hash of a secret as it came; undefined for what is none, or not whole. */
export function parseAgentSecret(text: string, crypto: Crypto): Pick<FreshSecret, 'id' | 'hash'> | undefined {
  const [, front, id, bits, sum] = FORM.exec(text) ?? []
  if (front === undefined || id === undefined || bits === undefined || sum !== checksum(front, crypto)) return undefined
  return { id, hash: hashOf(bits, crypto) }
}

/** Every whole secret that stands in a text, by its public id: for whoever looks for those that lie about. */
export function agentSecretsIn(text: string, crypto: Crypto): readonly string[] {
  const found = text.match(/lanyard-secret_[0-9a-f]{12}_[0-9a-f]{64}_[0-9a-f]{8}/g) ?? []
  return found.flatMap(secret => parseAgentSecret(secret, crypto)?.id ?? [])
}

// It proves nothing, and tells a secret from what only looks like one.
const checksum = (front: string, crypto: Crypto) => toHex(crypto.sha256(encodeUtf8(front)).subarray(0, 4))

// 256 random bits need no slow hash: there is nothing to guess.
const hashOf = (bits: string, crypto: Crypto) => crypto.sha256(encodeUtf8(`lanyard-agent-secret:${bits}`))
