import type { TimeSource } from '../time.ts'

/** Calls that wait until it is known who is alive. */
export class Waiting {
  readonly #time: TimeSource
  readonly #callers = new Set<() => void>()

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** Kept at the next {@link flush}, or after so many milliseconds; only with `hold` the process is kept alive for it. */
  wait(ms: number, options: { readonly hold?: boolean } = {}): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        cancel()
        this.#callers.delete(done)
        resolve()
      }
      const cancel = this.#time.after(ms, done, options)
      this.#callers.add(done)
    })
  }

  flush(): void {
    for (const done of [...this.#callers]) done()
  }
}
