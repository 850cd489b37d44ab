import { CHAIN_NUMBER, CHAINS } from '../chains.ts'
import { bytesOfHex, hexOf, numbersOfCursor } from '../encoding.ts'
import type { ChainHead, HeadRows, SignedHead } from '../ports.ts'
import { chainEnds } from './chain-ends.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

export function headRows(context: RowContext): HeadRows {
  const { statements } = context
  const db = statements.kysely
  const ends = chainEnds(context)
  const insert = statements.prepareChange(
    (a: { uuid: string; chain: number; seq: number; hash: Uint8Array; at: number; signature: string }) =>
      db.insertInto('chain_heads').values({
        instance: db.selectFrom('instances').select('id').where('uuid', '=', a.uuid),
        chain: a.chain,
        seq: a.seq,
        hash: a.hash,
        at: a.at,
        signature: a.signature,
      }),
  )

  return {
    *current(instance) {
      const heads: ChainHead[] = []
      for (const chain of CHAINS) heads.push(yield* ends.head(instance, chain))
      return heads
    },
    *insert({ instance, chain, seq, hash, at, signature }) {
      const row = { uuid: instance, chain: CHAIN_NUMBER[chain], seq, hash: bytesOfHex(hash), at, signature }
      requireOne(yield* insert(row), 'signed head')
    },
    *list({ instance, chain }, page) {
      const rows = yield* statements.query(
        db
          .selectFrom('chain_heads as h')
          .innerJoin('instances as i', 'i.id', 'h.instance')
          .select(['h.seq', 'h.hash', 'h.at', 'h.signature'])
          .where('i.uuid', '=', instance)
          .where('h.chain', '=', CHAIN_NUMBER[chain])
          .$if(page.after !== null, q => q.where('h.seq', '<', numbersOfCursor(page.after!, 1)[0]!))
          .orderBy('h.seq', 'desc')
          .limit(page.limit + 1),
      )
      const heads = rows.map((row): SignedHead => ({ ...row, instance, chain, hash: hexOf(row.hash) }))
      return pageOf(heads, page, head => String(head.seq))
    },
  }
}
