import type { Time } from '../../ports.ts'

/** Time that passes when a test says so. */
export class TestTime implements Time {
  readonly #alarms = new Set<{ readonly at: number; readonly then: () => void }>()
  #passed = 0
  readonly #start: number

  constructor(start = Date.now()) {
    this.#start = start
  }

  now(): number {
    return this.#start + this.#passed
  }

  monotonic(): number {
    return this.#passed
  }

  after(ms: number, then: () => void): () => void {
    const alarm = { at: this.#passed + ms, then }
    this.#alarms.add(alarm)
    return () => this.#alarms.delete(alarm)
  }

  /** How many wait. */
  get waiting(): number {
    return this.#alarms.size
  }

  /** Lets time pass; what is due is called. */
  pass(ms: number): void {
    this.#passed += ms
    for (const alarm of [...this.#alarms]) {
      if (alarm.at <= this.#passed && this.#alarms.delete(alarm)) alarm.then()
    }
  }
}
