import { IdentityError } from '../errors.ts'

/** What gRPC programs take at most when nobody says otherwise. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const PREFIX_BYTES = 5

/** A message as gRPC sends it: whether it is compressed, its length, its bytes. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Cuts a stream of bytes into messages. */
export class Frames {
  readonly #onMessage: (bytes: Uint8Array) => void
  #chunks: Buffer[] = []
  #held = 0
  /** Bytes that must be there before there is something to do. */
  #needed = PREFIX_BYTES

  constructor(onMessage: (bytes: Uint8Array) => void) {
    this.#onMessage = onMessage
  }

  /** Whether nothing of a message is left over. */
  get whole(): boolean {
    return this.#held === 0
  }

  /** @throws IdentityError `workload_api_reply_invalid`, and whatever the listener throws */
  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= this.#needed) if (!this.#step()) return
  }

  /** Reads a length, or hands over a message; false: more is needed. */
  #step(): boolean {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    const length = lengthOf(bytes)
    this.#needed = PREFIX_BYTES + length
    if (bytes.length < this.#needed) return false
    const rest = bytes.subarray(this.#needed)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#held = rest.length
    const message = bytes.subarray(PREFIX_BYTES, this.#needed)
    this.#needed = PREFIX_BYTES
    this.#onMessage(message)
    return true
  }
}

function lengthOf(bytes: Buffer): number {
  // Nobody was told that compressed messages are read here.
  if (bytes[0] !== 0) throw invalid(`expected a message that is not compressed, got ${bytes[0]}`)
  const length = bytes.readUInt32BE(1)
  if (length > MAX_MESSAGE_BYTES) throw invalid(`expected at most ${MAX_MESSAGE_BYTES} bytes, got ${length}`)
  return length
}

const invalid = (detail: string) => new IdentityError('workload_api_reply_invalid', detail)
