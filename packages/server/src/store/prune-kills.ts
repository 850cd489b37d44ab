import type { Step } from '@lanyard/authority'
import type { RowContext } from './rows/context.ts'

/** Rows that one group removes at most: a few milliseconds, in which nothing else is answered. */
export const BATCH = 100

type Removal = (a: { readonly before: number }) => Step<number>

/** What removes the traces of kills, and the leases that have run out. Each gives how many rows left, none at the end. */
export function killRemovals({
  statements,
}: RowContext): Record<'deaths' | 'incidents' | 'snapshots' | 'acks' | 'points' | 'services', Removal> {
  const db = statements.kysely
  return {
    // Nothing that it concerns lives any longer.
    deaths: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('deaths')
        .where(eb =>
          eb(
            eb.refTuple('kind', 'value'),
            'in',
            eb
              .selectFrom('deaths')
              .select(['kind', 'value'])
              .where('until', 'is not', null)
              .where('until', '<', a.before)
              .limit(BATCH)
              .$asTuple('kind', 'value'),
          ),
        ),
    ),
    // One that is open has work left, and one whose time to live runs holds what it killed.
    incidents: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('incidents')
        .where('id', 'in', eb =>
          eb
            .selectFrom('incidents')
            .select('id')
            .where('state', '=', 'closed')
            .where('at', '<', a.before)
            .where('ttl_until', 'is', null)
            .limit(BATCH),
        ),
    ),
    snapshots: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('snapshots')
        .where('incident', 'in', eb =>
          eb.selectFrom('snapshots').select('incident').where('kept_until', '<', a.before).limit(BATCH),
        ),
    ),
    acks: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('acks')
        .where(eb =>
          eb(
            eb.refTuple('point', 'epoch'),
            'in',
            eb
              .selectFrom('acks')
              .select(['point', 'epoch'])
              .where('received_at', '<', a.before)
              .limit(BATCH)
              .$asTuple('point', 'epoch'),
          ),
        ),
    ),
    points: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('points')
        .where('point', 'in', eb =>
          eb.selectFrom('points').select('point').where('leased_until', '<', a.before).limit(BATCH),
        ),
    ),
    services: statements.prepareChange((a: { before: number }) =>
      db
        .deleteFrom('services')
        .where(eb =>
          eb(
            eb.refTuple('agent_id', 'url'),
            'in',
            eb
              .selectFrom('services')
              .select(['agent_id', 'url'])
              .where('leased_until', '<', a.before)
              .limit(BATCH)
              .$asTuple('agent_id', 'url'),
          ),
        ),
    ),
  }
}
