import { type Step, type Store, shared } from '@lanyard/authority'
import { CHAIN_NUMBER } from './chains.ts'
import { seqOf, spanOf } from './place.ts'
import type { ChainName, OpenStore } from './ports.ts'
import { accessRemovals, SPENT_TOKEN_MS } from './prune-access.ts'
import { BATCH, killRemovals } from './prune-kills.ts'
import { ENTRY_MARK_MS, workloadRemovals } from './prune-workloads.ts'
import type { RowContext } from './rows/context.ts'

const HOUR = 3_600_000

/** A lineage outlives its end by a day, so that the certificates it names have left before it. */
const LINEAGE_MS = 86_400_000

/**
 * Makes `prune`. Rows of a chain leave only from its front, and the hash of the last one that left stays as the anchor
 * that the next one follows; a row that must stay keeps those behind it.
 */
export function pruner(store: Store, context: RowContext): OpenStore['prune'] {
  const certificates = frontRemoval(context, 'issuance')
  const events = frontRemoval(context, 'audit')
  const heads = headRemoval(context)
  const lineages = lineageRemoval(context)
  const kills = killRemovals(context)
  const workloads = workloadRemovals(context)
  const access = accessRemovals(context)

  return async (now, { certificatesMs, eventsMs, nodesMs }) => ({
    certificates: await drained(store, () => certificates(Math.floor((now - certificatesMs) / 1000))),
    events: await drained(store, () => events(now - eventsMs)),
    heads: await drained(store, () => heads({ before: now - eventsMs })),
    lineages: await drained(store, () => lineages({ before: now - certificatesMs - LINEAGE_MS })),
    deaths: await drained(store, () => kills.deaths({ before: now })),
    incidents: await drained(store, () => kills.incidents({ before: now - eventsMs })),
    snapshots: await drained(store, () => kills.snapshots({ before: now })),
    acks: await drained(store, () => kills.acks({ before: now - eventsMs })),
    points: await drained(store, () => kills.points({ before: now - HOUR })),
    services: await drained(store, () => kills.services({ before: now })),
    nodes: await drained(store, () => workloads.nodes({ before: now - nodesMs })),
    joinTokens: await drained(store, () => workloads.joinTokens({ before: now })),
    entryMarks: await drained(store, () => workloads.entryMarks({ before: now - ENTRY_MARK_MS })),
    bindings: await drained(store, () => access.bindings({ before: now - eventsMs })),
    federatedTokens: await drained(store, () => access.federatedTokens({ before: now - SPENT_TOKEN_MS })),
    secrets: await drained(store, () => access.secrets({ before: now - eventsMs })),
    trust: await drained(store, () => access.trust({ before: now - eventsMs })),
  })
}

async function drained(store: Store, step: () => Step<number>): Promise<number> {
  let total = 0
  for (;;) {
    const removed = await store.write(step, shared())
    if (removed === 0) return total
    total += removed
  }
}

interface Range {
  readonly first: number
  readonly last: number
}

/** A row at the front of a chain; it may leave when `until` has passed. */
interface Front {
  readonly place: number
  readonly hash: Uint8Array
  readonly until: number
}

function frontRemoval(context: RowContext, chain: ChainName): (before: number) => Step<number> {
  const { statements } = context
  const db = statements.kysely
  const instances = statements.prepareRows(() => db.selectFrom('instances').select('id').orderBy('id'))
  const { front, drop } = chain === 'audit' ? eventTable(context) : certificateTable(context)
  const setAnchor = anchoring(context)

  return function* (before) {
    let removed = 0
    for (const { id } of yield* instances({})) {
      const rows = yield* front(spanOf(id))
      const stays = rows.findIndex(({ until }) => until >= before)
      const last = rows[(stays === -1 ? rows.length : stays) - 1]
      if (!last) continue
      yield* setAnchor({ instance: id, chain: CHAIN_NUMBER[chain], seq: seqOf(last.place), hash: last.hash })
      removed += yield* drop({ first: rows[0]!.place, last: last.place })
    }
    return removed
  }
}

interface Table {
  front(range: Range): Step<readonly Front[]>
  drop(range: Range): Step<number>
}

function certificateTable({ statements }: RowContext): Table {
  const db = statements.kysely
  return {
    front: statements.prepareRows((a: Range) =>
      db
        .selectFrom('certificates')
        .select(['place', 'hash', 'not_after as until'])
        .where('place', '>=', a.first)
        .where('place', '<=', a.last)
        .orderBy('place')
        .limit(BATCH),
    ),
    drop: statements.prepareChange((a: Range) =>
      db.deleteFrom('certificates').where('place', '>=', a.first).where('place', '<=', a.last),
    ),
  }
}

function eventTable({ statements }: RowContext): Table {
  const db = statements.kysely
  return {
    front: statements.prepareRows((a: Range) =>
      db
        .selectFrom('events')
        .select(['place', 'hash', 'at as until'])
        .where('place', '>=', a.first)
        .where('place', '<=', a.last)
        .orderBy('place')
        .limit(BATCH),
    ),
    drop: statements.prepareChange((a: Range) =>
      db.deleteFrom('events').where('place', '>=', a.first).where('place', '<=', a.last),
    ),
  }
}

function anchoring({ statements }: RowContext) {
  return statements.prepareChange((a: { instance: number; chain: number; seq: number; hash: Uint8Array }) =>
    statements.kysely
      .insertInto('chain_anchors')
      .values({ instance: a.instance, chain: a.chain, seq: a.seq, hash: a.hash })
      .onConflict(conflict =>
        conflict
          .columns(['instance', 'chain'])
          .doUpdateSet({ seq: a.seq, hash: a.hash })
          // Another instance may have removed more meanwhile; what is gone must not be waited for.
          .where('chain_anchors.seq', '<', a.seq),
      ),
  )
}

function headRemoval({ statements }: RowContext) {
  return statements.prepareChange((a: { before: number }) =>
    statements.kysely.deleteFrom('chain_heads').where('at', '<', a.before),
  )
}

// A certificate's row gets its names through its lineage, so a lineage never leaves before its certificates.
function lineageRemoval({ statements }: RowContext) {
  return statements.prepareChange((a: { before: number }) =>
    statements.kysely.deleteFrom('lineages').where('no', 'in', eb =>
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
}
