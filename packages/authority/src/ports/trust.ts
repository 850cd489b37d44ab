import type { Step } from './store.ts'

/** Who vouches: an identity provider of a tenant, or an issuer of people and programs. */
export interface Voucher {
  readonly kind: 'idp' | 'issuer'
  /** 32 hex digits. */
  readonly id: string
  /** Null: of all tenants. */
  readonly tenant: string | null
}

/** Who made what there is: keys, tokens, nodes, secrets, lineages, bindings, settings. */
export interface MakerRows {
  /** Those whose names, as events have them, begin so: `principal:<hex>`. In no order. */
  beginning(name: string): Step<readonly string[]>
}

/** By whose word it is trusted what is trusted of those who vouch: each setting, as it stands. */
export interface TrustRows {
  /** Writes down who answers for these settings now, in place of whoever did. */
  answer(voucher: Voucher, settings: readonly string[], maker: string): Step<void>
  /** Those of which a setting stands as this one left it, named as events do; also deleted providers. In no order. */
  by(maker: string): Step<readonly Voucher[]>
  /** Whose settings are known, also if it was deleted. */
  find(id: string): Step<Voucher | undefined>
  /** It was deleted: kept until nothing goes on that it vouched for. */
  gone(id: string, at: number): Step<void>
}
