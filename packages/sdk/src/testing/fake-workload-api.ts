import { chmod } from 'node:fs/promises'
import {
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Frames, framed } from '../workload-api/frames.ts'
import { temporaryFolder } from './files.ts'

/** One call at the fake: what came, and what it can be answered with. */
export interface FakeCall {
  readonly rpc: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly message: Uint8Array
  readonly stream: ServerHttp2Stream
  send(message: Uint8Array): void
  /** Ends it with a status of gRPC. */
  end(status?: number, message?: string): void
}

/** A server on a Unix socket that speaks gRPC and nothing more: what it answers is for the test to say. */
export class FakeWorkloadApi {
  readonly path: string
  /** Calls so far. */
  readonly calls: FakeCall[] = []
  /** Calls that are open. */
  readonly open = new Set<FakeCall>()
  /** Sent with each answer. */
  metadata: OutgoingHttpHeaders = {}
  #answer: (call: FakeCall) => void = () => {}
  #server: Http2Server | null = null
  readonly #sessions = new Set<ServerHttp2Session>()
  #waiting: (() => void)[] = []

  private constructor(path: string) {
    this.path = path
  }

  static async start(t: TestContext, answer: (call: FakeCall) => void = () => {}): Promise<FakeWorkloadApi> {
    const fake = new FakeWorkloadApi(join(await temporaryFolder(t), 'w.sock'))
    fake.#answer = answer
    await fake.listen()
    t.after(() => fake.stop())
    return fake
  }

  /** `unix:///…` */
  get socket(): string {
    return `unix://${this.path}`
  }

  /** Answers further calls in this way. */
  answer(answer: (call: FakeCall) => void): void {
    this.#answer = answer
  }

  async listen(): Promise<void> {
    const server = createServer()
    this.#server = server
    server.on('session', session => {
      this.#sessions.add(session)
      session.on('error', () => {})
      session.once('close', () => this.#sessions.delete(session))
    })
    server.on('stream', (stream, headers) => this.#take(stream as ServerHttp2Stream, headers))
    await new Promise<void>(resolve => server.listen(this.path, resolve))
    await chmod(this.path, 0o777)
  }

  /** As when the daemon dies: connections are cut and the socket goes away. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    for (const session of this.#sessions) session.destroy()
    await closed
  }

  /** The next call that comes from now on. */
  async next(): Promise<FakeCall> {
    const seen = this.calls.length
    while (this.calls.length === seen) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.calls[seen]!
  }

  #take(stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>): void {
    stream.on('error', () => {})
    const frames = new Frames(message => {
      const call = callOn(stream, headers, message, this.metadata)
      this.calls.push(call)
      this.open.add(call)
      stream.once('close', () => this.open.delete(call))
      this.#answer(call)
      for (const wake of this.#waiting.splice(0)) wake()
    })
    stream.on('data', (chunk: Buffer) => frames.take(chunk))
  }
}

function callOn(
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, unknown>>,
  message: Uint8Array,
  metadata: OutgoingHttpHeaders,
): FakeCall {
  const respond = () => {
    if (!stream.headersSent)
      stream.respond({ ...metadata, ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  }
  return {
    rpc: String(headers[':path']).split('/').at(-1)!,
    headers,
    message,
    stream,
    send: reply => {
      respond()
      stream.write(framed(reply))
    },
    end: (status = 0, text = '') => {
      if (stream.closed) return
      const trailers = {
        'grpc-status': String(status),
        ...(text === '' ? {} : { 'grpc-message': encodeURIComponent(text) }),
      }
      if (!stream.headersSent)
        return stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true })
      stream.once('wantTrailers', () => stream.sendTrailers(trailers))
      stream.end()
    },
  }
}
