import type { Sink } from '@lanyard/api'
import type { Ring } from './ring.ts'

/** What is handed to a connection at once, so that a snapshot lies once in memory and not once for each reader. */
const PIECE_BYTES = 65_536

/** What a reader gets first, and from which line on it follows. */
export interface Start {
  readonly opening: readonly Buffer[]
  readonly next: number
}

/** When a reader may read no more. */
export interface Entitlement {
  /** Who reads, for counting. */
  readonly reader: string
  /** Its credential ends, Unix milliseconds. */
  readonly until: number
  /** Asks whether its credential still counts; throws when it does not. */
  readonly confirm: () => Promise<void>
}

/** One reader of the feed: a place in the ring, and no line of its own. */
export class Reader {
  readonly entitlement: Entitlement
  readonly #sink: Sink
  readonly #ring: Ring
  readonly #opening: Buffer[]
  #next: number
  /** The line that is being sent, and how much of it is. */
  #line: Buffer | null = null
  #sent = 0
  #ready = true
  #cut = false

  constructor(sink: Sink, ring: Ring, { opening, next }: Start, entitlement: Entitlement) {
    this.entitlement = entitlement
    this.#sink = sink
    this.#ring = ring
    this.#opening = [...opening]
    this.#next = next
    sink.onDrain(() => {
      this.#ready = true
      this.pump()
    })
  }

  /** Sends what there is, as far as the connection takes it. One that is too far behind is cut: true, once. */
  pump(): boolean {
    if (this.#cut) return false
    if (this.#next < this.#ring.start) {
      this.#cut = true
      this.#sink.cut()
      return true
    }
    for (let piece = this.#piece(); piece !== undefined; piece = this.#piece()) this.#ready = this.#sink.write(piece)
    return false
  }

  /** Sends the newest line again, unless something of it or before it still waits here: then it is no repetition. */
  repeat(): void {
    const line = this.#ring.at(this.#ring.end - 1)
    const atEnd = this.#ready && this.#line === null && this.#opening.length === 0 && this.#next === this.#ring.end
    if (atEnd && line !== undefined) this.#ready = this.#sink.write(line)
  }

  end(): void {
    this.#sink.end()
  }

  #piece(): Buffer | undefined {
    if (!this.#ready) return undefined
    this.#line ??= this.#opening.shift() ?? this.#ring.at(this.#next++) ?? this.#nothing()
    if (this.#line === null) return undefined
    const piece = this.#line.subarray(this.#sent, this.#sent + PIECE_BYTES)
    this.#sent += piece.length
    if (this.#sent === this.#line.length) {
      this.#line = null
      this.#sent = 0
    }
    return piece
  }

  #nothing(): null {
    this.#next--
    return null
  }
}
