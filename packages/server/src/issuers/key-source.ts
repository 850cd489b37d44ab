import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import type { Log } from '../http/ports.ts'
import { OutboundError } from '../outbound/ports.ts'
import { chooseKey, type ProviderKey, type WantedKey } from './key-set.ts'
import { invalid, shown } from './read-token.ts'

const SECOND = 1000
/** Keys that were read so long ago are read again while they go on being used. */
const FRESH_MS = 600 * SECOND
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
 * The keys of one provider, read when they are needed, and again now and then: in the background once they are ten minutes
 * old, at once for a key that nobody knows, but not more often than the cooldown. While the provider is away they are used
 * until they are `staleMs` old. One reading at a time, however many wait for it.
 */
export class KeySource {
  readonly #parts: KeySourceParts
  #keys: readonly ProviderKey[] | null = null
  #readAt = 0
  #failure: { readonly at: number; readonly error: LanyardError } | null = null
  #soughtAt: number | null = null
  #reading: Promise<void> | null = null

  constructor(parts: KeySourceParts) {
    this.#parts = parts
  }

  /** The key for a token. Throws `external_token_invalid`, `idp_unreachable`, `idp_address_forbidden`. */
  async keyFor(wanted: WantedKey): Promise<ProviderKey> {
    const known = chooseKey(await this.#current(), wanted)
    if (known) return known
    await this.#seek()
    const found = chooseKey(this.#keys ?? [], wanted)
    if (found) return found
    throw invalid(`expected a key of the provider, got kid ${shown(wanted.kid ?? undefined)}`)
  }

  async #current(): Promise<readonly ProviderKey[]> {
    const { staleMs, cooldownMs } = this.#parts
    const age = this.#since(this.#readAt)
    if (this.#keys !== null && age <= Math.max(staleMs, cooldownMs)) {
      if (age > Math.min(FRESH_MS, Math.max(staleMs, cooldownMs))) this.#readBehind()
      return this.#keys
    }
    this.#requireTry()
    await this.#read()
    return this.#keys ?? []
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
    try {
      this.#keys = await load()
      this.#readAt = began
      this.#failure = null
      log.debug({ provider: name, keys: this.#keys.length }, 'read the keys of a provider')
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal instanceof AnotherIssuer) this.#keys = null
      this.#failure = { at: clock.now(), error: refusal }
      log.warn({ provider: name, err: error }, 'cannot read the keys of a provider')
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
