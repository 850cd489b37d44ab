/** One message of the protocol between a client and PostgreSQL. Type '' for the very first ones of a client. */
export interface Message {
  readonly type: string
  readonly body: Buffer
}

/** Cuts a byte stream into messages. PostgreSQL documentation, "Message Formats": a type byte, then a length that counts itself. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0)
  #untyped: boolean

  /** `starting`: the stream of a client begins with messages without a type. */
  constructor({ starting }: { readonly starting: boolean }) {
    this.#untyped = starting
  }

  read(chunk: Buffer): Message[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const messages: Message[] = []
    for (let message = this.#next(); message !== null; message = this.#next()) messages.push(message)
    return messages
  }

  #next(): Message | null {
    const head = this.#untyped ? 0 : 1
    if (this.#rest.length < head + 4) return null
    const length = this.#rest.readUInt32BE(head)
    if (this.#rest.length < head + length) return null
    const type = head === 0 ? '' : String.fromCharCode(this.#rest[0]!)
    const body = this.#rest.subarray(head + 4, head + length)
    this.#rest = this.#rest.subarray(head + length)
    // A request for encryption (80877103, 80877104) is asked before the start itself.
    if (head === 0 && body.readUInt32BE(0) >> 16 === 3) this.#untyped = false
    return { type, body }
  }
}

const textAt = (body: Buffer, from: number): string => body.toString('utf8', from, body.indexOf(0, from))

/** Follows one connection, and knows which transaction tells of a death: its statements notify that channel. */
export class KillWatch {
  readonly #client = new MessageReader({ starting: true })
  readonly #server = new MessageReader({ starting: false })
  readonly #channel: string
  readonly #notifying = new Set<string>()
  #told = false

  constructor(channel: string) {
    this.#channel = channel
  }

  /** Bytes of the client. */
  sent(chunk: Buffer): void {
    for (const { type, body } of this.#client.read(chunk)) {
      if (type === 'Q' && textAt(body, 0).includes(this.#channel)) this.#told = true
      else if (type === 'P') this.#prepared(body)
      else if (type === 'B' && this.#notifying.has(textAt(body, body.indexOf(0) + 1))) this.#told = true
    }
  }

  /** Bytes of the server; whether they say that such a transaction is committed. */
  received(chunk: Buffer): boolean {
    let committed = false
    for (const { type, body } of this.#server.read(chunk)) {
      if (type !== 'C') continue
      const done = textAt(body, 0)
      if (done === 'COMMIT' && this.#told) committed = true
      if (done === 'COMMIT' || done === 'ROLLBACK') this.#told = false
    }
    return committed
  }

  #prepared(body: Buffer): void {
    const name = textAt(body, 0)
    const notifies = textAt(body, body.indexOf(0) + 1).includes(this.#channel)
    if (notifies) this.#notifying.add(name)
    else this.#notifying.delete(name)
  }
}
