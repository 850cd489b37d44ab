import type { HeldProcess } from '../ports.ts'

/** A process that a test makes up, and ends. */
export class FakeProcess implements HeldProcess {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly startTime: bigint
  #alive = true
  readonly #listeners = new Set<() => void>()
  /** How many listen for its end. */
  get listeners(): number {
    return this.#listeners.size
  }
  released = false

  constructor(pid = 4242, { uid = 1000, gid = 1000, startTime = 1n } = {}) {
    this.pid = pid
    this.uid = uid
    this.gid = gid
    this.startTime = startTime
  }

  isAlive(): boolean {
    return this.#alive
  }

  onEnd(listener: () => void): () => void {
    if (!this.#alive) {
      queueMicrotask(listener)
      return () => {}
    }
    const own = () => listener()
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  release(): void {
    this.released = true
    this.#listeners.clear()
  }

  /** It ends now. */
  end(): void {
    if (!this.#alive) return
    this.#alive = false
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener()
  }
}
