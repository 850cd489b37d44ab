import type { IdentityError } from '../errors.ts'
import type { Ward } from '../mtls/session.ts'
import type { Admission, Guard, GuardReport, GuardStanding } from './guard.ts'

/** A guard that lets nobody in while the own identity is withdrawn, whatever else is known. */
export class Withdrawable implements Guard {
  readonly #inner: Guard
  #withdrawn: IdentityError | null = null

  constructor(inner: Guard) {
    this.#inner = inner
  }

  /** From now on no call is let in or out, and each is told this. */
  withdraw(why: IdentityError): void {
    this.#withdrawn = why
  }

  /** The identity was given again. */
  restore(): void {
    this.#withdrawn = null
  }

  get withdrawn(): boolean {
    return this.#withdrawn !== null
  }

  get standing(): GuardStanding {
    return this.#withdrawn === null ? this.#inner.standing : 'dead'
  }

  get link() {
    return this.#inner.link
  }

  report(): GuardReport {
    return { ...this.#inner.report(), standing: this.standing }
  }

  admit(ward: Ward, bestEffort: boolean): Admission {
    return this.#withdrawn === null ? this.#inner.admit(ward, bestEffort) : 'dead'
  }

  settled(): Promise<void> {
    return this.#inner.settled()
  }

  async ready(): Promise<void> {
    if (this.#withdrawn !== null) throw this.#withdrawn
    await this.#inner.ready()
    // Meanwhile.
    if (this.#withdrawn !== null) throw this.#withdrawn
  }

  begin(unbounded?: boolean): void {
    this.#inner.begin(unbounded)
  }

  opened(ward: Ward): void {
    this.#inner.opened(ward)
  }

  closed(ward: Ward): void {
    this.#inner.closed(ward)
  }

  renewed(): void {
    this.#inner.renewed()
  }

  stop(): void {
    this.#inner.stop()
  }
}
