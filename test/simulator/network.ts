import type { Dice } from './dice.ts'
import type { Timeline } from './timeline.ts'

/** What messages between two machines meet with. */
export class Network {
  /** Of lines between two ends of a connection: parts that are lost, doubled or late. Connections of TCP do none of it. */
  unruly = 0
  /** Of messages of the bus. */
  busLoss = 0
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #cut = new Set<string>()

  constructor(timeline: Timeline, dice: Dice) {
    this.#timeline = timeline
    this.#dice = dice
  }

  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`)
  }

  heal(a: string, b: string): void {
    this.#cut.delete(`${a} ${b}`)
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.has(`${a} ${b}`) || this.#cut.has(`${b} ${a}`)
  }

  /** Brings something over, unless the way is cut when it sets out or when it would arrive. */
  send(from: string, to: string, arrive: () => void): void {
    if (this.isCut(from, to)) return
    const delay = this.#dice.between(0.2, 5)
    this.#timeline.after(delay, () => {
      if (!this.isCut(from, to)) arrive()
    })
  }

  /** The same in the order of sending, of which `last` keeps the end, and at times less orderly than a connection is. */
  line(from: string, to: string, last: { at: number; lostUntil: number }, arrive: () => void): void {
    if (this.#timeline.now < last.lostUntil) return
    if (this.#dice.chance(this.unruly)) {
      const how = this.#dice.next()
      if (how < 0.3) {
        // What follows at once is mostly lost too.
        last.lostUntil = this.#timeline.now + this.#dice.between(0, 100)
        return
      }
      if (how < 0.6) this.#timeline.after(this.#dice.between(5, 300), arrive)
      else this.send(from, to, arrive)
    }
    if (this.isCut(from, to)) return
    last.at = Math.max(last.at, this.#timeline.now + this.#dice.between(0.2, 5))
    this.#timeline.after(last.at - this.#timeline.now, () => {
      if (!this.isCut(from, to)) arrive()
    })
  }

  /** A message of the bus: lost, doubled, late. */
  bus(arrive: () => void): void {
    if (this.#dice.chance(this.busLoss)) return
    this.#timeline.after(this.#dice.between(0.2, 20), arrive)
    if (this.#dice.chance(0.1)) this.#timeline.after(this.#dice.between(1, 500), arrive)
  }
}
