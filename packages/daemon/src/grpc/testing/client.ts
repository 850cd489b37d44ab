import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'

export type Metadata = Readonly<Record<string, string | string[]>>

/** How a call ended. */
export interface Ended {
  readonly http: number
  /** `grpc-status`; null: none came. */
  readonly code: number | null
  readonly message: string
}

/** A client of gRPC that stands on Node's HTTP/2 alone, so that it does not repeat mistakes of the server's library. */
export class TestClient {
  readonly session: ClientHttp2Session

  constructor(path: string, authority = 'http://localhost') {
    this.session = connect(authority, { createConnection: () => connectSocket(path) })
    this.session.on('error', () => {})
  }

  /** Begins a call; nothing is sent of its body. */
  begin(path: string, metadata: Metadata = {}): TestCall {
    const headers = {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    }
    return new TestCall(this.session.request(headers))
  }

  /** Calls with one request. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
    metadata: Metadata = {},
  ): TypedCall<I, O> {
    const call = this.converse(method, metadata)
    call.send(request)
    call.raw.stream.end()
    return call
  }

  /** Calls without an end of the requests. */
  converse<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    metadata: Metadata = {},
  ): TypedCall<I, O> {
    return new TypedCall<I, O>(this.begin(`/${method.parent.typeName}/${method.name}`, metadata), method)
  }

  async close(): Promise<void> {
    if (this.session.destroyed) return
    const closed = once(this.session, 'close')
    this.session.destroy()
    await closed
  }
}

/** One call, in bytes. */
export class TestCall {
  readonly stream: ClientHttp2Stream
  readonly ended: Promise<Ended>
  readonly #messages: Uint8Array[] = []
  #received = Buffer.alloc(0)
  #closed = false
  #wake = () => {}

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    let http = 0
    let trailers: IncomingHttpHeaders = {}
    stream.on('error', () => {})
    stream.on('response', headers => {
      http = headers[':status'] ?? 0
      trailers = headers
    })
    stream.on('trailers', headers => {
      trailers = headers
    })
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    // As every client of gRPC: who was answered has no more to say.
    stream.once('end', () => stream.end())
    const closed = new Promise<void>(resolve => stream.once('close', resolve))
    this.ended = closed.then(() => {
      this.#closed = true
      this.#wake()
      const status = trailers['grpc-status']
      const message = decodeURIComponent(String(trailers['grpc-message'] ?? ''))
      return { http, code: status === undefined ? null : Number(status), message }
    })
  }

  /** The next message; null when there will be none. */
  async next(): Promise<Uint8Array | null> {
    while (this.#messages.length === 0 && !this.#closed) await new Promise<void>(resolve => (this.#wake = resolve))
    return this.#messages.shift() ?? null
  }

  /** Sends a message, in its frame. */
  send(message: Uint8Array): void {
    this.stream.write(framed(message))
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 5 && this.#received.length >= 5 + this.#received.readUInt32BE(1)) {
      const end = 5 + this.#received.readUInt32BE(1)
      this.#messages.push(Uint8Array.from(this.#received.subarray(5, end)))
      this.#received = this.#received.subarray(end)
    }
    this.#wake()
  }
}

/** One call, in messages. */
export class TypedCall<I extends DescMessage, O extends DescMessage> {
  readonly raw: TestCall
  readonly #method: { readonly input: I; readonly output: O }

  constructor(raw: TestCall, method: { readonly input: I; readonly output: O }) {
    this.raw = raw
    this.#method = method
  }

  get ended(): Promise<Ended> {
    return this.raw.ended
  }

  send(request: MessageInitShape<I>): void {
    this.raw.send(toBinary(this.#method.input, create(this.#method.input, request)))
  }

  /** The next message; fails when there is none. */
  async next(): Promise<MessageShape<O>> {
    const bytes = await this.raw.next()
    if (bytes === null) throw new Error(`expected a message, got ${JSON.stringify(await this.ended)}`)
    return fromBinary(this.#method.output, bytes)
  }

  cancel(): void {
    this.raw.stream.close(8)
  }
}

/** A message as it travels. */
export function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
