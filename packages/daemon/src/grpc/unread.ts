import { Code } from '@connectrpc/connect'
import type { Quota } from '../sockets/quota.ts'
import { grpcError } from './refusal.ts'

const PREFIX_BYTES = 5

/**
 * The same bytes. What came of a message that has not ended lies in memory before anybody knows whether the caller may have
 * anything: it counts against the quota of `uid`. Throws ResourceExhausted when there is none left.
 */
export async function* counted(
  body: AsyncIterable<Uint8Array<ArrayBuffer>>,
  quota: Quota,
  uid: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const message = new Unfinished()
  let putBack: (() => void) | null = null
  try {
    for await (const chunk of body) {
      putBack?.()
      putBack = quota.take(uid, message.take(chunk))
      if (putBack === null)
        throw grpcError(Code.ResourceExhausted, 'rate_limited', 'too many bytes of unfinished requests of this user')
      yield chunk
    }
  } finally {
    putBack?.()
  }
}

/** Follows where messages begin and end: a byte, a length of four, and as many bytes. */
class Unfinished {
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  #bytes = 0

  /** How many bytes of the last message are here, with these; 0: it has ended. */
  take(chunk: Uint8Array): number {
    for (let at = 0; at < chunk.length; ) {
      const part = this.#bytes < PREFIX_BYTES ? 1 : Math.min(this.#left, chunk.length - at)
      if (this.#bytes < PREFIX_BYTES) this.#prefix[this.#bytes] = chunk[at]!
      this.#bytes += part
      at += part
      if (this.#bytes >= PREFIX_BYTES && this.#left === 0) this.#bytes = 0
    }
    return this.#bytes
  }

  /** Once the length is known. */
  get #left(): number {
    return PREFIX_BYTES + this.#prefix.readUInt32BE(1) - this.#bytes
  }
}
