import type { BindingState, IssuerState, Voucher } from '@lanyard/authority'
import type { Transaction } from './database.ts'
import { ask } from './rows.ts'

interface Barred {
  readonly principal: string
  readonly tenant: string | null
}

const bindingsWhere = (tx: Transaction, where: (one: BindingState) => boolean) =>
  tx.all<BindingState>('bindings').filter(where)

/** Who holds roles, by whose word, and who is shut out. Roles are the built-in ones. */
export const accessTables = () => ({
  bindings: {
    find: (id: string) => ask('bindings.find', tx => tx.get<BindingState>('bindings', id)),
    remove: (id: string) => ask('bindings.remove', tx => tx.remove('bindings', id)),
    ofAgent: (spiffeId: string) =>
      ask('bindings.ofAgent', tx => bindingsWhere(tx, one => one.kind === 'spiffe-id' && one.value === spiffeId)),
    madeBy: (maker: string) => ask('bindings.madeBy', tx => bindingsWhere(tx, ({ createdBy }) => createdBy === maker)),
    list: ({ kind, tenant }: Partial<Pick<BindingState, 'kind' | 'tenant'>>) =>
      ask('bindings.list', tx => {
        const listed = (one: BindingState) =>
          (kind === undefined || one.kind === kind) && (tenant === undefined || one.tenant === tenant)
        return { items: bindingsWhere(tx, listed), next: null }
      }),
  },
  issuers: {
    find: (id: string) => ask('issuers.find', tx => tx.get<IssuerState>('issuers', id)),
    update: (issuer: IssuerState) => ask('issuers.update', tx => tx.put('issuers', issuer.id, issuer)),
  },
  trust: {
    answer: (voucher: Voucher, settings: readonly string[], maker: string) =>
      ask('trust.answer', tx => {
        for (const setting of settings) tx.put('trust', `${voucher.id} ${setting}`, { ...voucher, maker })
      }),
    by: (maker: string) =>
      ask('trust.by', tx => tx.all<Voucher & { maker: string }>('trust').filter(one => one.maker === maker)),
  },
  barredPrincipals: {
    of: (principal: string) =>
      ask('barredPrincipals.of', tx => {
        const barred = tx.all<Barred>('barred').filter(one => one.principal === principal)
        return barred.map(({ tenant }) => ({ tenant, liftedAt: null }))
      }),
    bar: (principal: string, { tenant }: Pick<Barred, 'tenant'>) =>
      ask('barredPrincipals.bar', tx => tx.put('barred', `${principal} ${tenant ?? 'all'}`, { principal, tenant })),
  },
})
