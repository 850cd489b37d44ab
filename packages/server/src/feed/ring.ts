/** Lines and bytes that are kept for readers who are behind. */
const MOST_LINES = 1024
const MOST_BYTES = 4 * 1024 * 1024

/** The newest lines, as they go over the wire, each under a number. All readers read the same bytes. */
export class Ring {
  readonly #mostLines: number
  readonly #mostBytes: number
  readonly #lines: Buffer[] = []
  #start = 0
  #bytes = 0

  constructor(mostLines = MOST_LINES, mostBytes = MOST_BYTES) {
    this.#mostLines = mostLines
    this.#mostBytes = mostBytes
  }

  /** Number of the oldest line that is kept. */
  get start(): number {
    return this.#start
  }

  /** Number of the line that comes next. */
  get end(): number {
    return this.#start + this.#lines.length
  }

  push(line: Buffer): void {
    this.#lines.push(line)
    this.#bytes += line.length
    while (this.#lines.length > this.#mostLines || (this.#bytes > this.#mostBytes && this.#lines.length > 1)) {
      this.#bytes -= this.#lines.shift()!.length
      this.#start++
    }
  }

  at(number: number): Buffer | undefined {
    return this.#lines[number - this.#start]
  }
}
