import type { Step, Store } from '@lanyard/authority'
import { CHAIN_NUMBER } from './chains.ts'
import { seqOf, spanOf } from './place.ts'
import type { ChainName, Pruned, Retention } from './ports.ts'
import type { RowContext } from './rows/context.ts'

/** Rows that one group removes at most: a few milliseconds, in which nothing else is answered. */
const BATCH = 500

/** A lineage outlives its end by a day, so that the certificates it names have left before it. */
const LINEAGE_MS = 86_400_000

/**
 * Removes what is past its time. Rows of a chain leave only from its front, and the hash of the last one that left
 * stays as the anchor that the next one follows; a row that must stay keeps those behind it.
 */
export async function prune(store: Store, context: RowContext, now: number, retention: Retention): Promise<Pruned> {
  const steps = removals(context)
  const eventsBefore = now - retention.eventsMs
  const certificatesBefore = Math.floor((now - retention.certificatesMs) / 1000)
  const lineagesBefore = now - retention.certificatesMs - LINEAGE_MS
  return {
    certificates: await drained(store, () => steps.certificates(certificatesBefore)),
    events: await drained(store, () => steps.events(eventsBefore)),
    heads: await drained(store, () => steps.heads(eventsBefore)),
    lineages: await drained(store, () => steps.lineages(lineagesBefore)),
  }
}

async function drained(store: Store, step: () => Step<number>): Promise<number> {
  let total = 0
  for (;;) {
    const removed = await store.write(step)
    if (removed === 0) return total
    total += removed
  }
}

interface Front {
  place: number
  hash: Uint8Array
  /** When the row could leave: its end or its time. */
  until: number
}

function removals(context: RowContext) {
  const { statements } = context
  const db = statements.kysely
  const instances = statements.prepareRows(() => db.selectFrom('instances').select('id').orderBy('id'))
  const certificateFront = statements.prepareRows((a: { first: number; last: number }) =>
    db
      .selectFrom('certificates')
      .select(['place', 'hash', 'not_after as until'])
      .where('place', '>=', a.first)
      .where('place', '<=', a.last)
      .orderBy('place')
      .limit(BATCH),
  )
  const eventFront = statements.prepareRows((a: { first: number; last: number }) =>
    db
      .selectFrom('events')
      .select(['place', 'hash', 'at as until'])
      .where('place', '>=', a.first)
      .where('place', '<=', a.last)
      .orderBy('place')
      .limit(BATCH),
  )
  const dropCertificates = statements.prepareChange((a: { first: number; last: number }) =>
    db.deleteFrom('certificates').where('place', '>=', a.first).where('place', '<=', a.last),
  )
  const dropEvents = statements.prepareChange((a: { first: number; last: number }) =>
    db.deleteFrom('events').where('place', '>=', a.first).where('place', '<=', a.last),
  )
  const setAnchor = statements.prepareChange((a: { instance: number; chain: number; seq: number; hash: Uint8Array }) =>
    db
      .insertInto('chain_anchors')
      .values({ instance: a.instance, chain: a.chain, seq: a.seq, hash: a.hash })
      .onConflict(conflict => conflict.columns(['instance', 'chain']).doUpdateSet({ seq: a.seq, hash: a.hash })),
  )
  const dropHeads = statements.prepareChange((a: { before: number }) =>
    db.deleteFrom('chain_heads').where('at', '<', a.before),
  )
  const dropLineages = statements.prepareChange((a: { before: number }) =>
    db.deleteFrom('lineages').where('no', 'in', eb =>
      eb
        .selectFrom('lineages as l')
        .select('l.no')
        .where('l.ends_at', '<', a.before)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('certificates as c')
                .select('c.place')
                .whereRef('c.tenant_id', '=', 'l.tenant_id')
                .whereRef('c.agent_id', '=', 'l.agent_id')
                .whereRef('c.lineage_no', '=', 'l.no'),
            ),
          ),
        )
        .limit(BATCH),
    ),
  )

  function* removeFront(
    chain: ChainName,
    front: typeof certificateFront,
    drop: typeof dropCertificates,
    before: number,
  ): Step<number> {
    let removed = 0
    for (const { id } of yield* instances({})) {
      const rows: readonly Front[] = yield* front(spanOf(id))
      const stays = rows.findIndex(row => row.until >= before)
      const last = rows[(stays === -1 ? rows.length : stays) - 1]
      if (!last) continue
      yield* setAnchor({ instance: id, chain: CHAIN_NUMBER[chain], seq: seqOf(last.place), hash: last.hash })
      removed += yield* drop({ first: rows[0]!.place, last: last.place })
    }
    return removed
  }

  return {
    certificates: (before: number) => removeFront('issuance', certificateFront, dropCertificates, before),
    events: (before: number) => removeFront('audit', eventFront, dropEvents, before),
    heads: (before: number) => dropHeads({ before }),
    lineages: (before: number) => dropLineages({ before }),
  }
}
