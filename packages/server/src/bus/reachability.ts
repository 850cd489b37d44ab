import type { Log } from '../http/ports.ts'

/** Whether a bus can be reached, told in the log when it changes. Never with an address: it may hold a password. */
export class Reachability {
  readonly #name: string
  readonly #log: Log
  #there: boolean | null = null

  constructor(name: string, log: Log) {
    this.#name = name
    this.#log = log
  }

  found(): void {
    if (this.#there === false) this.#log.info({}, `${this.#name} tells of new epochs again`)
    this.#there = true
  }

  lost(error: unknown): void {
    // The client's own errors have a class and neither a code nor a name.
    const { code } = error as { readonly code?: unknown }
    const kind = error instanceof Error ? error.constructor.name : typeof error
    if (this.#there !== false)
      this.#log.warn(
        { reason: String(code ?? kind) },
        `${this.#name} tells of no new epochs; they are looked for instead`,
      )
    this.#there = false
  }
}
