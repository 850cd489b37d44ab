import type { FederatedBundleRows, FederatedBundleState } from '@lanyard/authority'
import type { RowContext } from './context.ts'

export function federatedBundleRows({ statements }: RowContext): FederatedBundleRows {
  const db = statements.kysely
  const list = statements.prepareRows(() => db.selectFrom('federated_bundles').selectAll().orderBy('trust_domain'))
  const put = statements.prepareChange((a: FederatedBundleState) => {
    const columns = { bundle: a.bundle, updated_at: a.updatedAt }
    return db
      .insertInto('federated_bundles')
      .values({ trust_domain: a.trustDomain, ...columns })
      .onConflict(conflict => conflict.column('trust_domain').doUpdateSet(columns))
  })
  const remove = statements.prepareChange((a: { trustDomain: string }) =>
    db.deleteFrom('federated_bundles').where('trust_domain', '=', a.trustDomain),
  )
  return {
    *list() {
      const rows = yield* list({})
      return rows.map(row => ({ trustDomain: row.trust_domain, bundle: row.bundle, updatedAt: row.updated_at }))
    },
    *put(bundle) {
      yield* put(bundle)
    },
    *remove(trustDomain) {
      return (yield* remove({ trustDomain })) === 1
    },
  }
}
