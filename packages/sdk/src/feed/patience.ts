import type { TimeSource } from '../time.ts'

/** As often as one silence may last, the whole may take. */
const WHOLE = 10

/** Gives up when nothing happens for so long, or when all of it takes ten times as long. */
export class Patience {
  readonly #time: TimeSource
  readonly #silenceMs: number
  readonly #giveUp: () => void
  readonly #cancelWhole: () => void
  #cancelSilence = () => {}

  constructor(time: TimeSource, silenceMs: number, giveUp: () => void) {
    this.#time = time
    this.#silenceMs = silenceMs
    this.#giveUp = giveUp
    this.#cancelWhole = time.after(WHOLE * silenceMs, giveUp)
    this.again()
  }

  /** Something has happened. */
  again(): void {
    this.#cancelSilence()
    this.#cancelSilence = this.#time.after(this.#silenceMs, this.#giveUp)
  }

  end(): void {
    this.#cancelSilence()
    this.#cancelWhole()
  }
}
