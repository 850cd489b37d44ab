import { type Ack, signAck } from '@lanyard/protocol'
import type { Link } from '../client/link.ts'
import { asIdentityError, type IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'

export interface AckPorts {
  readonly time: TimeSource
  readonly link: () => Link | null
  /** Enrols again, where the authority no longer knows this point. */
  readonly enrol: () => Promise<void>
  readonly failed: (error: IdentityError, shown: object) => void
}

/** What was applied, and when. */
export type Applied = Omit<Ack, 'cut'>

const AGAIN_MS = 250

/**
 * Says what was applied: one acknowledgement on its way at a time, always for the newest epoch, which covers all before
 * it. What could not be said is said with the next one.
 */
export class Acks {
  readonly #ports: AckPorts
  #due: Applied | null = null
  /** What failed last: not tried again at once. */
  #failed: Applied | null = null
  #cut = 0
  #sending = false
  #cancel = () => {}
  #stopped = false

  constructor(ports: AckPorts) {
    this.#ports = ports
  }

  /** Every death up to this epoch is applied, and `cut` more connections and streams have ended by it. */
  applied(applied: Applied, cut: number): void {
    this.#due = { ...applied, lastAccept: latest(this.#due?.lastAccept ?? null, applied.lastAccept) }
    this.#cut += cut
    this.flush()
  }

  /** Sends what waits, if there is anything and a connection. */
  flush(): void {
    this.#cancel()
    if (this.#sending || this.#stopped || this.#due === null) return
    const link = this.#ports.link()
    if (link === null) return
    this.#sending = true
    void this.#send(link, this.#due).finally(() => {
      this.#sending = false
      if (this.#due !== null && !this.#stopped) this.#again()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** At once for another epoch; for one that failed, a little later. */
  #again(): void {
    if (this.#failed === this.#due) this.#cancel = this.#ports.time.after(AGAIN_MS, () => this.flush())
    else this.flush()
  }

  async #send(link: Link, due: Applied): Promise<void> {
    const cut = this.#cut
    this.#failed = null
    try {
      // With the key of the certificate that the connection was made with: the authority asks for the same one.
      const ack = await signAck({ ...due, cut }, link.svid.ackSigning())
      await link.call('POST', '/v1/feed/acks', { ack })
      this.#done(due, cut)
    } catch (cause) {
      const error = asIdentityError(cause)
      this.#ports.failed(error, link.svid)
      // Of a feed that is no more, or of a time before this authority's: nothing to say about it.
      if (error.code === 'ack_invalid') return this.#done(due, 0)
      this.#failed = due
      if (error.code === 'not_found') await this.#ports.enrol()
    }
  }

  #done(due: Applied, cut: number): void {
    this.#cut -= cut
    if (this.#due === due) this.#due = null
  }
}

const latest = (a: number | null, b: number | null) => (a === null || b === null ? (a ?? b) : Math.max(a, b))
