import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders as Http2Headers, Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type Refusal, refuseRequest, refuseStream, refuseUpgrade } from './refusal.ts'

/** On a reply that was given without news of who is alive. */
const MARK = { name: 'lanyard-liveness', value: 'best-effort' } as const

/** One call at a door, in whatever protocol it came. */
export interface Call {
  /** What the connection is known by. */
  readonly carrier: unknown
  /** What the call is known by. */
  readonly request: object
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders | Http2Headers
  /** Closes when the call has ended. */
  readonly until: EventEmitter & { readonly destroyed: boolean }
  /** A stream of HTTP/2, which ends without its connection. */
  readonly stream: Duplex | null
  /** `shared`: its connection carries others too, and goes on for them where it can. */
  refuse(refusal: Refusal, shared: boolean): void
  /** Ends it without an answer. */
  cut(): void
  /** Says on the reply, where there is one, that it was given without news. */
  mark(): void
}

/** What calls of HTTP/1.1 have in common: the connection carries one at a time, and ends with it. */
class Http1Call {
  readonly request: IncomingMessage
  readonly stream = null

  constructor(request: IncomingMessage) {
    this.request = request
  }

  get carrier(): unknown {
    return this.request.socket
  }

  get method(): string {
    return this.request.method ?? ''
  }

  get url(): string {
    return this.request.url ?? ''
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  cut(): void {
    this.request.socket.destroy()
  }
}

export class RequestCall extends Http1Call implements Call {
  readonly until: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    super(request)
    this.until = response
  }

  refuse(refusal: Refusal): void {
    refuseRequest(refusal, this.request, this.until)
  }

  mark(): void {
    this.until.setHeader(MARK.name, MARK.value)
  }
}

/** A request for another protocol, such as a WebSocket: it lasts as long as its socket. */
export class UpgradeCall extends Http1Call implements Call {
  readonly until: Duplex

  constructor(request: IncomingMessage, socket: Duplex) {
    super(request)
    this.until = socket
  }

  refuse(refusal: Refusal): void {
    refuseUpgrade(refusal, this.until)
  }

  mark(): void {}
}

/** A stream of HTTP/2, for handlers of streams and of requests alike. */
export class StreamCall implements Call {
  readonly stream: ServerHttp2Stream
  readonly headers: Http2Headers

  constructor(stream: ServerHttp2Stream, headers: Http2Headers) {
    this.stream = stream
    this.headers = headers
  }

  static of(request: Http2ServerRequest): StreamCall {
    return new StreamCall(request.stream, request.headers)
  }

  get carrier(): unknown {
    return this.stream.session
  }

  get request(): object {
    return this.stream
  }

  get until(): ServerHttp2Stream {
    return this.stream
  }

  get method(): string {
    return this.headers[':method'] ?? ''
  }

  get url(): string {
    return this.headers[':path'] ?? ''
  }

  refuse(refusal: Refusal, shared: boolean): void {
    refuseStream(refusal, this.stream, shared)
  }

  cut(): void {
    this.stream.session?.destroy()
  }

  mark(): void {
    const respond = this.stream.respond.bind(this.stream) as (headers?: object, options?: object) => void
    const marked = (headers: object = {}) =>
      Array.isArray(headers) ? [...headers, MARK.name, MARK.value] : { ...headers, [MARK.name]: MARK.value }
    this.stream.respond = (headers, options) => respond(marked(headers), options)
  }
}
