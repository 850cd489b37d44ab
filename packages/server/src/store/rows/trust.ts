import type { TrustRows, Voucher } from '@lanyard/authority'
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
    *gone(id, at) {
      yield* gone({ id, at })
    },
  }
}
