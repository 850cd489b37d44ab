import type { Step } from '@lanyard/authority'
import { CHAIN_NUMBER, GENESIS } from '../chains.ts'
import { hexOf } from '../encoding.ts'
import { seqOf, spanOf } from '../place.ts'
import type { ChainHead, ChainName } from '../ports.ts'
import type { RowContext } from './context.ts'

interface Range {
  readonly first: number
  readonly last: number
}

/** Where the chains of an instance stand, and what their oldest rows follow. */
export interface ChainEnds {
  /** The last row that retention removed; seq 0 if it removed none. */
  anchor(instance: string, chain: ChainName): Step<ChainHead>
  /** The newest row, or what the first would follow. */
  head(instance: string, chain: ChainName): Step<ChainHead>
  /** The short number of an instance. */
  number(instance: string): Step<number>
}

export function chainEnds({ statements }: Pick<RowContext, 'statements'>): ChainEnds {
  const db = statements.kysely
  const tailOf = (table: 'events' | 'certificates') =>
    statements.prepareRows((a: Range) =>
      db
        .selectFrom(table)
        .select(['place', 'hash'])
        .where('place', '>=', a.first)
        .where('place', '<=', a.last)
        .orderBy('place', 'desc')
        .limit(1),
    )
  const tails = { audit: tailOf('events'), issuance: tailOf('certificates') }
  const anchors = statements.prepareRows((a: { uuid: string; chain: number }) =>
    db
      .selectFrom('chain_anchors as n')
      .innerJoin('instances as i', 'i.id', 'n.instance')
      .select(['n.seq', 'n.hash'])
      .where('i.uuid', '=', a.uuid)
      .where('n.chain', '=', a.chain),
  )
  const numbers = statements.prepareRows((a: { uuid: string }) =>
    db.selectFrom('instances').select('id').where('uuid', '=', a.uuid),
  )

  const ends: ChainEnds = {
    *anchor(instance, chain) {
      const [row] = yield* anchors({ uuid: instance, chain: CHAIN_NUMBER[chain] })
      return { instance, chain, seq: row?.seq ?? 0, hash: row ? hexOf(row.hash) : GENESIS }
    },
    *head(instance, chain) {
      const [row] = yield* tails[chain](spanOf(yield* ends.number(instance)))
      if (!row) return yield* ends.anchor(instance, chain)
      return { instance, chain, seq: seqOf(row.place), hash: hexOf(row.hash) }
    },
    *number(instance) {
      const [row] = yield* numbers({ uuid: instance })
      if (!row) throw new Error(`expected a known instance, got ${instance}`)
      return row.id
    },
  }
  return ends
}
