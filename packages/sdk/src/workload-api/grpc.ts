import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { codeOf, IdentityError } from '../errors.ts'
import type { Endpoint } from './address.ts'
import { Frames, framed } from './frames.ts'
import { openSocket, unreachable } from './open-socket.ts'
import { errorOf, GRPC } from './status.ts'

/** What a server says beside its messages, before the first of them: the headers of its response. */
export type Metadata = Readonly<IncomingHttpHeaders>

/** One call: what goes there, and who hears what comes back. */
export interface GrpcCall {
  /** `/SpiffeWorkloadAPI/FetchX509SVID`. */
  readonly path: string
  readonly message: Uint8Array
  /** What it throws ends the call with that error. */
  readonly onMessage: (bytes: Uint8Array, metadata: Metadata) => void
  readonly signal?: AbortSignal | undefined
  /** Keeps the process alive meanwhile. */
  readonly hold?: boolean
}

/** One connection to a Workload API: HTTP/2 without TLS (SPIFFE Workload Endpoint, 3). It does not keep the process alive. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session
  #held = 0

  private constructor(session: ClientHttp2Session) {
    this.#session = session
  }

  /** @throws IdentityError `workload_api_unreachable`, `workload_api_untrusted` */
  static async open(endpoint: Endpoint, uids: ReadonlySet<number> | null): Promise<GrpcConnection> {
    const socket = await openSocket(endpoint, uids)
    const session = connect('http://localhost', { createConnection: () => socket, settings: { enablePush: false } })
    session.on('error', () => {})
    session.unref()
    return new GrpcConnection(session)
  }

  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed
  }

  close(): void {
    this.#session.destroy()
  }

  /**
   * Kept when the call has ended with OK, broken when with anything else.
   *
   * @throws IdentityError `workload_api_unreachable`, `workload_api_reply_invalid`, and those of {@link errorOf}; the
   *   reason of the signal
   */
  call({ path, message, onMessage, signal, hold = false }: GrpcCall): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.closed) return reject(unreachable('the connection has closed'))
      const stream = this.#session.request(headersFor(path))
      if (hold) this.#hold(stream)
      let failure: unknown = null
      const fail = (error: unknown) => {
        failure ??= error
        stream.close(constants.NGHTTP2_CANCEL)
      }
      const onAbort = () => fail(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      let metadata: Metadata = {}
      const frames = new Frames(bytes => onMessage(bytes, metadata))
      let end: IncomingHttpHeaders | null = null
      stream.on('error', cause => (failure ??= unreachable(codeOf(cause))))
      stream.once('response', (headers, flags) => {
        metadata = headers
        if (flags & constants.NGHTTP2_FLAG_END_STREAM) end = headers
        else attempt(fail, () => checkResponse(headers))
      })
      stream.once('trailers', trailers => (end = trailers))
      stream.on('data', (chunk: Buffer) => failure === null && attempt(fail, () => frames.take(chunk)))
      stream.once('close', () => {
        signal?.removeEventListener('abort', onAbort)
        const error = failure ?? outcome(end, frames)
        if (error === null) resolve()
        else reject(error)
      })
      stream.end(framed(message))
    })
  }

  #hold(stream: ClientHttp2Stream): void {
    if (this.#held++ === 0) this.#session.ref()
    stream.once('close', () => {
      if (--this.#held === 0 && !this.closed) this.#session.unref()
    })
  }
}

function headersFor(path: string) {
  return {
    ':method': 'POST',
    ':path': path,
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'lanyard-sdk',
    // SPIFFE Workload Endpoint, 5: keeps a forged request of a browser away from the server.
    'workload.spiffe.io': 'true',
  }
}

function checkResponse(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'] ?? 'nothing'
  if (Number(headers[':status']) !== 200 || !/^application\/grpc(?:\+proto)?(?:;|$)/.test(type))
    throw new IdentityError('workload_api_reply_invalid', `expected gRPC, got ${headers[':status']} and ${type}`)
}

/** What the end of a call means; null: all is well. */
function outcome(end: IncomingHttpHeaders | null, frames: Frames): IdentityError | null {
  const status = end?.['grpc-status']
  if (status === undefined) return unreachable('the call ended without a status')
  if (status !== String(GRPC.ok)) return errorOf(Number(status), String(end?.['grpc-message'] ?? ''))
  return frames.whole ? null : new IdentityError('workload_api_reply_invalid', 'expected a whole message, got a part')
}

function attempt(fail: (error: unknown) => void, work: () => void): void {
  try {
    work()
  } catch (error) {
    fail(error)
  }
}
