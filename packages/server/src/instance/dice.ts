import { randomFillSync } from 'node:crypto'
import type { Dice } from '@lanyard/authority'

const POOL_BYTES = 4096

/**
 * Random bytes from OpenSSL, fetched in blocks: asking for sixteen takes as long as asking for four thousand. What was
 * given out is wiped from the block.
 */
export function pooledDice(): Dice {
  const pool = new Uint8Array(POOL_BYTES)
  let left = 0
  return {
    bytes(length) {
      if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length))
      if (left < length) {
        randomFillSync(pool)
        left = POOL_BYTES
      }
      left -= length
      const given = pool.slice(left, left + length)
      pool.fill(0, left, left + length)
      return given
    },
  }
}
