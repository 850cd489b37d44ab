import { LanyardError } from '@lanyard/api'
import { type Clock, type Rows, type Step, type Store, shared } from '@lanyard/authority'
import type { Log } from '../http/ports.ts'

export interface PresenceParts {
  readonly store: Store
  readonly rows: Rows
  /** UUID. */
  readonly instance: string
  readonly clock: Clock
  readonly log: Log
}

/** That this instance serves, as all others see it; and whether it still may. */
export class Presence {
  readonly #parts: PresenceParts
  readonly #onEvicted: (() => void)[] = []
  #evicted = false

  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Whether the instance was put out of service. It never comes back. */
  get evicted(): boolean {
    return this.#evicted
  }

  onEvicted(listener: () => void): void {
    this.#onEvicted.push(listener)
  }

  /** Throws `instance_evicted` for an instance that may not serve any more. */
  async begin(): Promise<void> {
    await this.tell()
    if (this.#evicted)
      throw new LanyardError('instance_evicted', `instance ${this.#parts.instance} was put out of service`)
  }

  /** Writes that the instance serves, unless it may not. To be called every few seconds. */
  async tell(): Promise<void> {
    const { store, rows, instance, clock } = this.#parts
    await this.look()
    if (!this.#evicted) await store.write(() => rows.instances.seen(instance, clock.now()), shared())
  }

  /** Asks whether the instance was put out of service. To be called when something died. */
  async look(): Promise<void> {
    if (this.#evicted) return
    const { store, log, instance } = this.#parts
    if (!(await store.read(() => this.#isEvicted()))) return
    this.#evicted = true
    log.error({ instance }, 'this instance was put out of service; it refuses every call from now on')
    for (const listener of this.#onEvicted) listener()
  }

  *#isEvicted(): Step<boolean> {
    const { rows, instance } = this.#parts
    return (yield* rows.instances.find(instance))?.evictedAt != null
  }
}
