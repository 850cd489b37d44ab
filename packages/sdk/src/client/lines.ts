import { MAX_FEED_LINE_BYTES } from '@lanyard/protocol'

const NEWLINE = 0x0a

/** Cuts a stream of bytes into lines. */
export class Lines {
  readonly #line: (text: string) => void
  readonly #encoding: 'latin1' | 'utf8'
  #begun: Buffer[] = []
  #bytes = 0

  constructor(line: (text: string) => void, encoding: 'latin1' | 'utf8' = 'latin1') {
    this.#line = line
    this.#encoding = encoding
  }

  /** False for a line that is longer than any of the feed: nothing of it is kept. */
  take(chunk: Buffer): boolean {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      if (!this.#keep(chunk.subarray(from, at))) return false
      from = at + 1
      this.#give()
    }
    return from === chunk.length || this.#keep(chunk.subarray(from))
  }

  #keep(piece: Buffer): boolean {
    this.#bytes += piece.length
    if (this.#bytes > MAX_FEED_LINE_BYTES) {
      this.#begun = []
      return false
    }
    this.#begun.push(piece)
    return true
  }

  #give(): void {
    const text = Buffer.concat(this.#begun).toString(this.#encoding)
    this.#begun = []
    this.#bytes = 0
    if (text !== '') this.#line(text)
  }
}
