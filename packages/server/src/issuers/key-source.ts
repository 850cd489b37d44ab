import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import type { Log } from '../http/ports.ts'
import { OutboundError } from '../outbound/ports.ts'
import { chooseKey, type ProviderKey, type WantedKey } from './key-set.ts'
import { invalid, shown } from './read-token.ts'

const SECOND = 1000
/** Keys that were read so long ago are read again while they go on being used. */
const READ_BEHIND_MS = 300 * SECOND
/** Those that are older are used only where the provider does not answer: it may have withdrawn one. */
const FRESH_MS = 600 * SECOND
/** Where it did not answer within this time, tokens do not wait for it again. */
const WAIT_AGAIN_MS = 60 * SECOND
/** After a failure, so long until the next try. */
const RETRY_MS = 5 * SECOND

export interface KeySourceParts {
  /** Reads them from the provider. */
  readonly load: () => Promise<readonly ProviderKey[]>
  readonly staleMs: number
  readonly cooldownMs: number
  readonly clock: Clock
  readonly log: Log
  /** For the log. */
  readonly name: string
}

/** The provider answered, and is another one: what is known of its keys counts for nothing. */
export class AnotherIssuer extends LanyardError {
  constructor(detail: string) {
    super('idp_unreachable', detail)
  }
}

/**
 * The keys of one provider, read when they are needed, and again now and then: in the background once they are five
 * minutes old, first of all once they are ten, or after a change of what is configured; at once for a key that nobody
 * knows, but not more often than the cooldown. While the provider is away they are used until they are `staleMs` old.
 * One reading at a time, however many wait for it.
 */
export class KeySource {
  readonly #parts: KeySourceParts
  #keys: readonly ProviderKey[] | null = null
  #readAt = 0
  /** The last change that was heard of, and that after which the keys were read. */
  #changedAt = 0
  #readFor = 0
  #failure: { readonly at: number; readonly error: LanyardError } | null = null
  #soughtAt: number | null = null
  #reading: Promise<void> | null = null

  constructor(parts: KeySourceParts) {
    this.#parts = parts
  }

  /**
   * The key for a token. `changedAt`: when the provider was configured. Whoever lets one vouch again whose key was
   * stolen means the keys that it has by then. Throws `external_token_invalid`, `idp_unreachable`,
   * `idp_address_forbidden`.
   */
  async keyFor(wanted: WantedKey, changedAt = 0): Promise<ProviderKey> {
    this.#changedAt = Math.max(this.#changedAt, changedAt)
    const known = chooseKey(await this.#current(), wanted)
    if (known) return known
    await this.#seek()
    const found = chooseKey(this.#keys ?? [], wanted)
    if (found) return found
    throw invalid(`expected a key of the provider, got kid ${shown(wanted.kid ?? undefined)}`)
  }

  async #current(): Promise<readonly ProviderKey[]> {
    const { staleMs, cooldownMs } = this.#parts
    const most = Math.max(staleMs, cooldownMs)
    const age = this.#since(this.#readAt)
    if (this.#keys === null || age > most) {
      this.#requireTry()
      await this.#read()
    } else if (age > Math.min(FRESH_MS, most) || this.#readFor < this.#changedAt) await this.#readFirst()
    else if (age > Math.min(READ_BEHIND_MS, most)) this.#readBehind()
    return this.#keys ?? []
  }

  /** Reads again before the keys are used; where that fails, they are used as they are. */
  async #readFirst(): Promise<void> {
    if (this.#failure !== null && this.#since(this.#failure.at) < WAIT_AGAIN_MS) return this.#readBehind()
    try {
      await this.#read()
    } catch (error) {
      if (this.#keys === null) throw error
    }
  }

  /** Reads again for an unknown key. A flood of made-up ones must not become a flood of requests to the provider. */
  async #seek(): Promise<void> {
    if (this.#reading === null && this.#soughtAt !== null && this.#since(this.#soughtAt) < this.#parts.cooldownMs) {
      if (this.#failure) throw this.#failure.error
      return
    }
    if (this.#reading === null) this.#soughtAt = this.#parts.clock.now()
    await this.#read()
  }

  #readBehind(): void {
    if (this.#reading !== null || this.#failedJustNow()) return
    // What fails is in the log, and said to whoever needs a key that is not there.
    this.#read().catch(() => {})
  }

  #requireTry(): void {
    if (this.#reading === null && this.#failedJustNow()) throw this.#failure!.error
  }

  #failedJustNow(): boolean {
    const { cooldownMs } = this.#parts
    return this.#failure !== null && this.#since(this.#failure.at) < Math.min(RETRY_MS, cooldownMs)
  }

  /** Milliseconds; a clock that was set back makes everything old. */
  #since(at: number): number {
    const passed = this.#parts.clock.now() - at
    return passed < 0 ? Number.POSITIVE_INFINITY : passed
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    const { load, clock, log, name } = this.#parts
    const began = clock.now()
    const changedAt = this.#changedAt
    try {
      this.#keys = await load()
      this.#readAt = began
      this.#readFor = changedAt
      this.#failure = null
      log.debug({ provider: name, keys: this.#keys.length }, 'read the keys of a provider')
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal instanceof AnotherIssuer) this.#keys = null
      // Once: whoever names a provider that is never there could fill the log with tokens that nobody signed.
      const level = this.#failure === null ? 'warn' : 'debug'
      this.#failure = { at: clock.now(), error: refusal }
      log[level]({ provider: name, err: error }, 'cannot read the keys of a provider')
      throw refusal
    }
  }
}

function refusalOf(error: unknown): LanyardError {
  if (error instanceof LanyardError) return error
  const forbidden = error instanceof OutboundError && error.code === 'forbidden'
  const detail = error instanceof OutboundError ? error.message : 'the keys cannot be read'
  return new LanyardError(forbidden ? 'idp_address_forbidden' : 'idp_unreachable', detail, {}, { cause: error })
}
