import type { Step } from '@lanyard/authority'
import { BATCH } from './prune-kills.ts'
import type { RowContext } from './rows/context.ts'

/** Milliseconds that the mark of a deleted entry stays: a node that was away for longer begins anew. */
export const ENTRY_MARK_MS = 8 * 86_400_000

type Removal = (a: { readonly before: number }) => Step<number>

/** What removes nodes that are gone, tokens that nobody used, and marks. Each gives how many rows left, none at the end. */
export function workloadRemovals(context: RowContext): Record<'nodes' | 'joinTokens' | 'entryMarks', Removal> {
  const { statements } = context
  const db = statements.kysely
  const nodes = statements.prepareChange((a: { before: number }) =>
    db.deleteFrom('nodes').where('node', 'in', eb =>
      eb
        .selectFrom('nodes')
        .select('node')
        // The row of a banned one is what keeps it out.
        .where('banned_at', 'is', null)
        .where('not_after', '<', a.before)
        .limit(BATCH),
    ),
  )
  return {
    nodes: ({ before }) => nodes({ before: Math.floor(before / 1000) }),
    joinTokens: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('join_tokens')
        .where('hash', 'in', eb =>
          eb.selectFrom('join_tokens').select('hash').where('expires_at', '<', a.before).limit(BATCH),
        ),
    ),
    entryMarks: markRemoval(context),
  }
}

/** Marks leave from the oldest revision on, and the horizon moves with them. */
function markRemoval({ statements, trustDomain }: RowContext): Removal {
  const db = statements.kysely
  const oldest = statements.prepareRows((a: { before: number }) =>
    db.selectFrom('entry_marks').select('revision').where('at', '<', a.before).orderBy('revision').limit(BATCH),
  )
  const remove = statements.prepareChange((a: { before: number; revision: number }) =>
    db.deleteFrom('entry_marks').where('at', '<', a.before).where('revision', '<=', a.revision),
  )
  const move = statements.prepareChange((a: { revision: number }) =>
    db
      .updateTable('entry_revisions')
      .set({ horizon: a.revision })
      .where('trust_domain', '=', trustDomain)
      .where('horizon', '<', a.revision),
  )
  return function* ({ before }) {
    const last = (yield* oldest({ before })).at(-1)
    if (last === undefined) return 0
    yield* move({ revision: last.revision })
    return yield* remove({ before, revision: last.revision })
  }
}
