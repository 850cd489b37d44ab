import type { Locks, Step } from '@lanyard/authority'
import type { Engine } from '../engine.ts'
import { unavailable } from './failure.ts'
import type { Readers } from './readers.ts'
import type { Writer } from './writer.ts'

/** The store on a PostgreSQL: two writers, so that deaths wait behind nobody, and some that read. */
export class PostgresEngine implements Engine {
  readonly #main: Writer
  readonly #urgent: Writer
  readonly #readers: Readers
  #closed = false

  constructor(main: Writer, urgent: Writer, readers: Readers) {
    this.#main = main
    this.#urgent = urgent
    this.#readers = readers
  }

  async read<T>(step: () => Step<T>): Promise<T> {
    this.#requireOpen()
    return await this.#readers.read(step)
  }

  async write<T>(step: () => Step<T>, locks: Locks): Promise<T> {
    this.#requireOpen()
    return await this.#main.add(step, locks)
  }

  async urgent<T>(step: () => Step<T>, locks: Locks): Promise<T> {
    this.#requireOpen()
    return await this.#urgent.add(step, locks)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([this.#main.close(), this.#urgent.close(), this.#readers.close()])
  }

  #requireOpen(): void {
    if (this.#closed) throw unavailable('the store is closed')
  }
}
