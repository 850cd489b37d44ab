import type { KeyObject } from 'node:crypto'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { makePending, type Pending } from './attempt.ts'
import type { KeySource } from './keys.ts'
import type { Opening } from './opening.ts'
import type { TokenSource } from './token-source.ts'
import { Voucher } from './voucher.ts'

/** Where several tokens are given by turns there are few. */
const MAX_REMEMBERED = 16

interface Vouched extends Pending {
  readonly credential: Voucher
}

/**
 * By tokens of the tenant's identity provider. Each opens one lineage for the first key that comes with it, so one that
 * has opened nothing yet comes again with its key, and one that has is never sent again.
 */
export class ProviderOpening implements Opening {
  readonly #tenant: string
  readonly #tokens: TokenSource
  #last: Vouched | null = null
  /** What came with a key, the newest last. */
  #used: readonly Voucher[] = []

  constructor(tenant: string, tokens: TokenSource) {
    this.#tenant = tenant
    this.#tokens = tokens
  }

  get renewable(): boolean {
    return this.#tokens.renewable
  }

  async begin(keys: KeySource): Promise<Pending> {
    const token = await this.#tokens.next()
    const last = this.#last
    if (last?.credential.holds(token) && !last.credential.spent) return last
    const used = this.#used.find(voucher => voucher.holds(token))
    if (used !== undefined) throw used.alreadyUsed()
    return this.#ask(token, await keys.take())
  }

  async #ask(token: string, key: KeyObject): Promise<Pending> {
    const jkt = jwkThumbprint(jwkFromSpki(spkiOf(key)), nodeCrypto)
    const voucher = new Voucher(token, { tenant: this.#tenant, jkt })
    this.#last = await makePending(voucher, key)
    this.#used = [...this.#used.slice(1 - MAX_REMEMBERED), voucher]
    return this.#last
  }
}
