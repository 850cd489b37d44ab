import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const PREFACE = 24
const FRAME_HEAD = 9
/** RFC 9113, 6.5.2: what we allow, since we announce nothing else. */
const MOST = 16_384
const HEADERS = 0x1
const END_HEADERS = 0x4
const PADDED = 0x8
const PRIORITY = 0x20
/** RFC 7541, appendix A. */
const AUTHORITY = 1

/**
 * The same connection, the `:authority` of its requests made one that Node's HTTP/2 accepts. grpc-java before 1.81, and
 * with it java-spiffe, names the path of the Unix socket there, which RFC 3986 forbids and nghttp2 answers with
 * PROTOCOL_ERROR before anyone sees the request. Nothing here reads the authority, so its bytes do not matter; the length
 * of nothing changes, so that the tables of HPACK stay as the client has them.
 */
export class LegalAuthority extends Duplex {
  readonly #socket: Socket
  readonly #frames = new Frames()

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      for (const part of this.#frames.take(chunk)) if (!this.push(part)) socket.pause()
    })
    socket.once('end', () => this.push(null))
    socket.once('error', error => this.destroy(error))
    socket.once('close', () => this.destroy())
    socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

/** Cuts what a client sends into frames, as far as that is needed to change the head of a request. */
class Frames {
  /** Bytes that pass untouched before the next frame. */
  #skip = PREFACE
  #held: Buffer = Buffer.alloc(0)
  /** It is no HTTP/2 that we would take: whoever comes behind says so. */
  #foreign = false

  /** How many bytes from the start are settled; 0: more must come first. */
  #ready(bytes: Buffer): number {
    if (this.#foreign) return bytes.length
    if (this.#skip > 0) {
      const passes = Math.min(this.#skip, bytes.length)
      this.#skip -= passes
      return passes
    }
    if (bytes.length < FRAME_HEAD) return 0
    const length = bytes.readUIntBE(0, 3)
    this.#foreign = length > MOST
    if (bytes[3] !== HEADERS || this.#foreign) {
      this.#skip = this.#foreign ? 0 : FRAME_HEAD + length
      return this.#foreign ? bytes.length : this.#ready(bytes)
    }
    if (bytes.length < FRAME_HEAD + length) return 0
    const flags = bytes[4]!
    if ((flags & END_HEADERS) !== 0) legalise(blockOf(bytes.subarray(FRAME_HEAD, FRAME_HEAD + length), flags))
    return FRAME_HEAD + length
  }

  /** What may go on, in order. Holds back at most one frame with a head. */
  *take(chunk: Buffer): Generator<Buffer> {
    if (this.#foreign) return yield chunk
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = Buffer.alloc(0)
    while (rest.length > 0) {
      const ready = this.#ready(rest)
      if (ready === 0) break
      yield rest.subarray(0, ready)
      rest = rest.subarray(ready)
    }
    // A copy: the chunk may be large, and what is held small.
    this.#held = Buffer.from(rest)
  }
}

// RFC 9113, 6.2.
function blockOf(payload: Buffer, flags: number): Buffer {
  const padding = (flags & PADDED) !== 0 ? (payload[0] ?? 0) : 0
  const start = ((flags & PADDED) !== 0 ? 1 : 0) + ((flags & PRIORITY) !== 0 ? 5 : 0)
  return payload.subarray(start, Math.max(start, payload.length - padding))
}

/** Walks the fields (RFC 7541, 6) and changes the value of `:authority` where it stands in full, and uncompressed. */
function legalise(block: Buffer): void {
  const at = { bytes: block, offset: 0 }
  while (at.offset < block.length) {
    const first = block[at.offset]!
    if ((first & 0x80) !== 0) integer(at, 7)
    else if ((first & 0xe0) === 0x20) integer(at, 5)
    else {
      const name = integer(at, (first & 0x40) !== 0 ? 6 : 4)
      if (name === 0) text(at)
      const value = text(at)
      if (name === AUTHORITY && value !== null) replaceIllegal(value)
    }
  }
}

interface Place {
  readonly bytes: Buffer
  offset: number
}

/** RFC 7541, 5.1. What is too large for us leads beyond the end, where the walk is over. */
function integer(at: Place, prefix: number): number {
  const most = 2 ** prefix - 1
  let value = at.bytes[at.offset++]! & most
  if (value < most) return value
  for (let shift = 0; ; shift += 7) {
    const next = at.bytes[at.offset++]
    if (next === undefined || shift > 21) {
      at.offset = at.bytes.length
      return 0
    }
    value += (next & 0x7f) << shift
    if ((next & 0x80) === 0) return value
  }
}

/** RFC 7541, 5.2. The bytes, or null where they are compressed or not all there. */
function text(at: Place): Buffer | null {
  const compressed = ((at.bytes[at.offset] ?? 0) & 0x80) !== 0
  const length = at.offset < at.bytes.length ? integer(at, 7) : 0
  const value = at.bytes.subarray(at.offset, at.offset + length)
  at.offset += length
  return compressed || value.length < length ? null : value
}

function replaceIllegal(value: Buffer): void {
  for (let at = 0; at < value.length; at++) if (value[at] === SLASH) value[at] = HYPHEN
}

const SLASH = 0x2f
const HYPHEN = 0x2d
