import { codeOf, IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'
import type { SvidSource } from './source.ts'
import type { Svid } from './svid.ts'

/** How long a request waits for a renewal when the own certificate has ended, as after sleep. */
const RECOVERY_MS = 15_000

/** The certificate in use, who follows its renewals, and what is done when it has ended. */
export class Own {
  readonly #time: TimeSource
  readonly #followers = new Set<() => void>()
  #svid: Svid
  #source: SvidSource | null = null
  #closed = false

  constructor(svid: Svid, time: TimeSource) {
    this.#svid = svid
    this.#time = time
  }

  /** Renews from there. */
  attach(source: SvidSource): void {
    this.#source = source
  }

  /** The newest certificate, whether or not it has ended. */
  get svid(): Svid {
    return this.#svid
  }

  /** A new certificate is there. */
  take(svid: Svid): void {
    this.#svid = svid
    for (const follow of this.#followers) follow()
  }

  /** Tells of each new certificate, until the function returned is called. */
  onRenewed(listener: () => void): () => void {
    this.#followers.add(listener)
    return () => this.#followers.delete(listener)
  }

  /** Gets a new certificate now. Throws IdentityError. */
  renew(): Promise<Svid> {
    if (this.#closed || this.#source === null) return Promise.reject(closed())
    return this.#source.renew()
  }

  /**
   * The newest certificate; when it has ended, waits for a renewal.
   *
   * @throws IdentityError `identity_expired`, `identity_closed`
   */
  async usable(): Promise<Svid> {
    if (this.#closed) throw closed()
    if (!this.#svid.hasEnded(this.#time.now())) return this.#svid
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      const give = () => reject(new IdentityError('identity_expired', `expected a renewal within ${RECOVERY_MS} ms`))
      cancel = this.#time.after(RECOVERY_MS, give, { hold: true })
    })
    try {
      const svid = await Promise.race([this.renew(), late])
      if (!svid.hasEnded(this.#time.now())) return svid
      throw new IdentityError('identity_expired', `the certificate ${svid.serial} has ended, and there is no newer one`)
    } catch (cause) {
      if (cause instanceof IdentityError && cause.code.startsWith('identity_')) throw cause
      throw new IdentityError('identity_expired', `the own certificate has ended: ${codeOf(cause)}`, { cause })
    } finally {
      cancel()
    }
  }

  close(): void {
    this.#closed = true
    this.#source?.stop()
  }
}

function closed(): IdentityError {
  return new IdentityError('identity_closed', 'the identity was closed')
}
