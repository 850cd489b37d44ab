import type { Step } from '@lanyard/authority'
import { sql } from 'kysely'
import { BATCH } from './prune-kills.ts'
import type { RowContext } from './rows/context.ts'

/**
 * Milliseconds that it is remembered of a token that it was spent, after it ended by the settings of then: no settings
 * let one count for more than a day, and it shall not count a second time by others.
 */
export const SPENT_TOKEN_MS = 2 * 86_400_000

type Removal = (a: { readonly before: number }) => Step<number>

/** What removes what nobody can ask with any more. Each gives how many rows left, none at the end. */
export function accessRemovals({
  statements,
}: RowContext): Record<'secrets' | 'federatedTokens' | 'bindings' | 'trust', Removal> {
  const db = statements.kysely
  return {
    // As long as its events are kept, an old secret is told why it does not count.
    secrets: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('agent_secrets')
        .where('id', 'in', eb =>
          eb
            .selectFrom('agent_secrets')
            .select('id')
            .where('ended_at', 'is not', null)
            .where('ended_at', '<', a.before)
            .limit(BATCH),
        ),
    ),
    federatedTokens: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('federated_tokens')
        .where('hash', 'in', eb =>
          eb.selectFrom('federated_tokens').select('hash').where('expires_at', '<', a.before).limit(BATCH),
        ),
    ),
    // It counts no more, and its events tell of it.
    bindings: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('bindings')
        .where('id', 'in', eb =>
          eb
            .selectFrom('bindings')
            .select('id')
            .where('expires_at', 'is not', null)
            .where('expires_at', '<', a.before)
            .limit(BATCH),
        ),
    ),
    // Whoever had what it vouched for trusted is asked for, for as long as any of that goes on.
    trust: statements.prepareChange((a: { before: number }) =>
      db.deleteFrom('trusted_settings').where('id', 'in', eb =>
        eb
          .selectFrom('trusted_settings')
          .select('id')
          .where('gone_at', 'is not', null)
          .where('gone_at', '<', a.before)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('lineages')
                  .select('lineages.id')
                  .where('standing', '<>', sql.lit('ended'))
                  .where('minted_by', '=', sql<string>`'idp:' || trusted_settings.id`),
              ),
            ),
          )
          .limit(BATCH),
      ),
    ),
  }
}
