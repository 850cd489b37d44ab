import type { Step } from '@lanyard/authority'
import { CHAIN_NUMBER, CHAINS, GENESIS } from '../chains.ts'
import { bytesOfHex, hexOf, numbersOfCursor } from '../encoding.ts'
import { seqOf, spanOf } from '../place.ts'
import type { ChainHead, ChainName, HeadRows, SignedHead } from '../ports.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

type Tail = (args: { first: number; last: number }) => Step<readonly { place: number; hash: Uint8Array }[]>

/** Reads where the chains of an instance stand, and where their oldest rows follow on. */
export function chainEnds({ statements }: Pick<RowContext, 'statements'>) {
  const db = statements.kysely
  const tailOf = (table: 'events' | 'certificates'): Tail =>
    statements.prepareRows((a: { first: number; last: number }) =>
      db
        .selectFrom(table)
        .select(['place', 'hash'])
        .where('place', '>=', a.first)
        .where('place', '<=', a.last)
        .orderBy('place', 'desc')
        .limit(1),
    )
  const tails: Record<ChainName, Tail> = { audit: tailOf('events'), issuance: tailOf('certificates') }
  const anchorRow = statements.prepareRows((a: { uuid: string; chain: number }) =>
    db
      .selectFrom('chain_anchors as n')
      .innerJoin('instances as i', 'i.id', 'n.instance')
      .select(['n.seq', 'n.hash'])
      .where('i.uuid', '=', a.uuid)
      .where('n.chain', '=', a.chain),
  )
  const number = statements.prepareRows((a: { uuid: string }) =>
    db.selectFrom('instances').select('id').where('uuid', '=', a.uuid),
  )

  /** The last row that retention removed: what the oldest one left follows. */
  function* anchor(instance: string, chain: ChainName): Step<ChainHead> {
    const [row] = yield* anchorRow({ uuid: instance, chain: CHAIN_NUMBER[chain] })
    return { instance, chain, seq: row?.seq ?? 0, hash: row ? hexOf(row.hash) : GENESIS }
  }

  /** The newest row, or what the first would follow. */
  function* head(instance: string, chain: ChainName): Step<ChainHead> {
    const [known] = yield* number({ uuid: instance })
    if (!known) throw new Error(`expected a known instance, got ${instance}`)
    const [row] = yield* tails[chain](spanOf(known.id))
    if (!row) return yield* anchor(instance, chain)
    return { instance, chain, seq: seqOf(row.place), hash: hexOf(row.hash) }
  }

  return { anchor, head, number }
}

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
