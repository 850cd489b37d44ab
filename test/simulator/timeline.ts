import { createHash, type Hash } from 'node:crypto'

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** True time, in milliseconds, which passes from one thing that happens to the next. */
export class Timeline {
  now = 0
  happened = 0
  readonly #heap: Due[] = []
  readonly #digest: Hash = createHash('sha256')
  readonly #listener: ((line: string) => void) | null
  #order = 0

  constructor(listener: ((line: string) => void) | null = null) {
    this.#listener = listener
  }

  /** Does something later; what is due at the same moment is done in the order of asking. */
  after(ms: number, run: () => void): void {
    const due = { at: this.now + ms, order: this.#order++, run }
    let i = this.#heap.push(due) - 1
    for (let up = (i - 1) >> 1; i > 0 && before(due, this.#heap[up]!); i = up, up = (i - 1) >> 1)
      this.#heap[i] = this.#heap[up]!
    this.#heap[i] = due
  }

  /** Again and again, until `run` gives false. */
  every(ms: number, run: () => boolean | undefined): void {
    this.after(ms, () => {
      if (run() !== false) this.every(ms, run)
    })
  }

  /** Lets everything happen until then. */
  runUntil(end: number): void {
    for (let due = this.#heap[0]; due !== undefined && due.at <= end; due = this.#heap[0]) {
      this.#pop()
      this.now = due.at
      this.happened++
      due.run()
    }
    this.now = end
  }

  /** Writes down what happened: the same seed writes the same. */
  tell(what: string): void {
    const line = `${this.now.toFixed(3)} ${what}`
    this.#digest.update(`${line}\n`)
    this.#listener?.(line)
  }

  /** Of all that was written down. */
  digest(): string {
    return this.#digest.copy().digest('hex')
  }

  #pop(): void {
    const last = this.#heap.pop()!
    const length = this.#heap.length
    if (length === 0) return
    let i = 0
    for (let down = 1; down < length; down = 2 * i + 1) {
      if (down + 1 < length && before(this.#heap[down + 1]!, this.#heap[down]!)) down++
      if (!before(this.#heap[down]!, last)) break
      this.#heap[i] = this.#heap[down]!
      i = down
    }
    this.#heap[i] = last
  }
}

const before = (a: Due, b: Due) => a.at < b.at || (a.at === b.at && a.order < b.order)
