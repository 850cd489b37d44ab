/** Where the SDK takes its time from. Tests give their own. */
export interface TimeSource {
  /** Wall clock, Unix milliseconds. It may jump, and it goes on while the machine sleeps. */
  now(): number
  /** Milliseconds from some fixed point. It never goes back, and may stand still while the machine sleeps. */
  monotonic(): number
  /**
   * Calls back once after `ms`; the function returned cancels that. Only with `hold` the process is kept alive for it.
   */
  after(ms: number, callback: () => void, options?: { readonly hold?: boolean }): () => void
}

/** The time of the machine. */
export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback, { hold = false } = {}) {
    const timer = setTimeout(callback, ms)
    if (!hold) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** How often an alarm looks at the clocks. One long timer would sleep through a suspended laptop or a clock jump. */
export const LOOK_EVERY_MS = 5_000

/**
 * Rings once at a moment of the wall clock, or when as much time as then seemed to be left has passed by the monotonic
 * clock, whichever comes first: so sleep makes it late by {@link LOOK_EVERY_MS} at most, and a wall clock that is set
 * back cannot put it off.
 */
export class Alarm {
  readonly #time: TimeSource
  #cancel: (() => void) | null = null

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** Sets the alarm, in place of an earlier one. */
  set(at: number, ring: () => void): void {
    this.clear()
    const due = this.#time.monotonic() + (at - this.#time.now())
    this.#look(at, due, ring)
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #look(at: number, due: number, ring: () => void): void {
    const left = Math.max(0, Math.min(at - this.#time.now(), due - this.#time.monotonic()))
    this.#cancel = this.#time.after(Math.min(left, LOOK_EVERY_MS), () => {
      if (this.#time.now() < at && this.#time.monotonic() < due) return this.#look(at, due, ring)
      this.#cancel = null
      ring()
    })
  }
}

/** A promise kept after `ms`; it holds the process alive, since somebody waits. Broken with the signal's reason. */
export function pause(time: TimeSource, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = time.after(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      { hold: true },
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
