import type { NodeEntry } from '@lanyard/api'
import { Alarm } from '@lanyard/sdk/authority'
import type { Time } from '../ports.ts'
import type { CatalogueChange } from './catalogue.ts'

/** Tells of entries that end by their own date: the authority says nothing when that comes. */
export class Expiry {
  readonly #time: Time
  readonly #alarm: Alarm
  readonly #ended: (entries: readonly NodeEntry[]) => void
  readonly #ends = new Map<string, { readonly entry: NodeEntry; readonly at: number }>()

  constructor(time: Time, ended: (entries: readonly NodeEntry[]) => void) {
    this.#time = time
    this.#alarm = new Alarm(time)
    this.#ended = ended
  }

  /** Entries have changed, or are no more. */
  changed({ changed, removed }: CatalogueChange): void {
    for (const id of removed) this.#ends.delete(id)
    for (const entry of changed) {
      if (entry.expires_at === null) this.#ends.delete(entry.id)
      else this.#ends.set(entry.id, { entry, at: Date.parse(entry.expires_at) })
    }
    this.#plan()
  }

  stop(): void {
    this.#alarm.clear()
  }

  #plan(): void {
    this.#alarm.clear()
    const now = this.#time.now()
    const next = [...this.#ends.values()].reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
    if (next !== Number.POSITIVE_INFINITY) this.#alarm.set(Math.max(now, next), () => this.#ring())
  }

  #ring(): void {
    const now = this.#time.now()
    const over = [...this.#ends.values()].filter(({ at }) => at <= now).map(({ entry }) => entry)
    for (const { id } of over) this.#ends.delete(id)
    this.#plan()
    if (over.length > 0) this.#ended(over)
  }
}
