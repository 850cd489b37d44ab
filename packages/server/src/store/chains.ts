import { hash } from 'node:crypto'
import { placeOf } from './place.ts'
import type { ChainHead, ChainName } from './ports.ts'

/** Chain names as they stand in rows. */
export const CHAIN_NUMBER = { audit: 0, issuance: 1 } as const satisfies Record<ChainName, number>
export const CHAINS = ['audit', 'issuance'] as const satisfies readonly ChainName[]

/** What the first row of a chain follows. */
export const GENESIS = '0'.repeat(64)

/** One row as its chain sees it: scalars in a fixed order. */
export type Fields = readonly (string | number | null)[]

/**
 * The hash of a row: SHA-256 over the UTF-8 of a JSON array that begins with the chain, the instance, the place in it and the
 * hash of the row before. JSON keeps fields apart without a rule of our own, and any language can repeat it.
 */
export function linkHash(head: ChainHead, seq: number, fields: Fields): Buffer {
  return hash('sha256', JSON.stringify([`lanyard-${head.chain}-1`, head.instance, seq, head.hash, ...fields]), 'buffer')
}

/** Where the chains of one writer stand, by their newest rows. */
export type Standing = Readonly<Record<ChainName, { readonly seq: number; readonly hash: string }>>

/** Where rows that belong to a chain get their place. */
export interface Places {
  /** Links one row to the end of a chain. */
  next(chain: ChainName, fields: Fields): { place: number; hash: Uint8Array }
}

/**
 * The heads of the chains that one writer appends to, in memory: no statement is needed to find where a row goes. Whoever
 * runs steps puts them back when a step or a transaction came to nothing, else the next row would follow one that is not there.
 */
export class ChainHeads implements Places {
  readonly instance: string
  /** The short number of the instance. */
  readonly number: number
  #standing: Standing

  constructor(instance: string, number: number, standing: Standing) {
    this.instance = instance
    this.number = number
    this.#standing = standing
  }

  get standing(): Standing {
    return this.#standing
  }

  putBack(standing: Standing): void {
    this.#standing = standing
  }

  next(chain: ChainName, fields: Fields): { place: number; hash: Uint8Array } {
    const head = this.#standing[chain]
    const seq = head.seq + 1
    const link = linkHash({ instance: this.instance, chain, ...head }, seq, fields)
    this.#standing = { ...this.#standing, [chain]: { seq, hash: link.toString('hex') } }
    return { place: placeOf(this.number, seq), hash: link }
  }
}

/**
 * The heads of whichever writer's turn it is. Two writers of one process run steps of the same tables at the same time,
 * but between two statements a step runs in one go.
 */
export class HeadsInTurn implements Places {
  #heads: Places | null = null

  /** Runs what adds to the chains of this writer. */
  during<T>(heads: Places, body: () => T): T {
    const before = this.#heads
    this.#heads = heads
    try {
      return body()
    } finally {
      this.#heads = before
    }
  }

  next(chain: ChainName, fields: Fields): { place: number; hash: Uint8Array } {
    if (this.#heads === null) throw new TypeError('a step that only reads must not write')
    return this.#heads.next(chain, fields)
  }
}
