import type { MakerRows, TrustRows, Voucher } from '@lanyard/authority'
import { sql } from 'kysely'
import type { RowContext } from './context.ts'

type Answer = Voucher & { readonly setting: string; readonly maker: string }

export function trustRows({ statements }: RowContext): TrustRows {
  const db = statements.kysely
  const answer = statements.prepareChange((a: Answer) =>
    db
      .insertInto('trusted_settings')
      .values({ kind: a.kind, id: a.id, setting: a.setting, tenant: a.tenant, maker: a.maker, gone_at: null })
      .onConflict(conflict => conflict.columns(['id', 'setting']).doUpdateSet({ maker: a.maker })),
  )
  const by = statements.prepareRows((a: { maker: string }) =>
    db.selectFrom('trusted_settings').select(['kind', 'id', 'tenant']).distinct().where('maker', '=', a.maker),
  )
  const find = statements.prepareRows((a: { id: string }) =>
    db.selectFrom('trusted_settings').select(['kind', 'id', 'tenant']).where('id', '=', a.id).limit(1),
  )
  const gone = statements.prepareChange((a: { id: string; at: number }) =>
    db.updateTable('trusted_settings').set({ gone_at: a.at }).where('id', '=', a.id),
  )
  return {
    *answer(voucher, settings, maker) {
      for (const setting of settings) yield* answer({ ...voucher, setting, maker })
    },
    *by(maker) {
      return yield* by({ maker })
    },
    *find(id) {
      return (yield* find({ id }))[0]
    },
    *gone(id, at) {
      yield* gone({ id, at })
    },
  }
}

export function makerRows({ statements }: RowContext): MakerRows {
  const db = statements.kysely
  // Each by the index that is there to find what one maker made; what has ended is in some of them no more.
  const beginning = statements.prepareRows((a: { from: string; to: string }) =>
    db
      .selectFrom('api_keys')
      .select('created_by as maker')
      .where('created_by', '>=', a.from)
      .where('created_by', '<', a.to)
      .union(eb =>
        eb
          .selectFrom('join_tokens')
          .select('created_by as maker')
          .where('created_by', '>=', a.from)
          .where('created_by', '<', a.to),
      )
      .union(eb =>
        eb
          .selectFrom('nodes')
          .select(sql<string>`joined_by`.as('maker'))
          .where('joined_by', '>=', a.from)
          .where('joined_by', '<', a.to)
          .where('banned_at', 'is', null),
      )
      .union(eb =>
        eb
          .selectFrom('agent_secrets')
          .select('created_by as maker')
          .where('created_by', '>=', a.from)
          .where('created_by', '<', a.to),
      )
      .union(eb =>
        eb
          .selectFrom('bindings')
          .select('created_by as maker')
          .where('created_by', '>=', a.from)
          .where('created_by', '<', a.to),
      )
      .union(eb =>
        eb
          .selectFrom('lineages')
          .select('minted_by as maker')
          .where('minted_by', '>=', a.from)
          .where('minted_by', '<', a.to)
          .where('standing', '<>', sql.lit('ended')),
      )
      .union(eb =>
        eb.selectFrom('trusted_settings').select('maker').where('maker', '>=', a.from).where('maker', '<', a.to),
      ),
  )
  return {
    *beginning(name) {
      // What follows is hex, and texts go by bytes.
      return (yield* beginning({ from: name, to: `${name}~` })).map(({ maker }) => maker)
    },
  }
}
