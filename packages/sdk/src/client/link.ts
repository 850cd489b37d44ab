import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { codeOf, IdentityError } from '../errors.ts'
import type { Svid } from '../identity/svid.ts'
import { clientContext, type LinkCredential } from '../mtls/context.ts'
import type { TimeSource } from '../time.ts'
import { connectAuthority, prefixOf } from './connect.ts'
import { Lines } from './lines.ts'
import { problemOf } from './reply.ts'
import type { Patience } from './services.ts'

const ANSWER_TIMEOUT_MS = 10_000
const MAX_REPLY_BYTES = 256 * 1024
/** Snapshots are large; with the usual 64 KiB each piece would cost a round trip. */
const WINDOW_BYTES = 1 << 20

export interface LinkOptions<C extends LinkCredential = Svid> {
  readonly url: URL
  readonly svid: C
  readonly time: TimeSource
  readonly signal?: AbortSignal | undefined
}

export interface FollowEvents {
  /** Of a feed, whose lines are ASCII, or of UTF-8 text. */
  readonly encoding?: 'latin1' | 'utf8'
  line(text: string): void
  heard(): void
  ended(error: IdentityError): void
}

/** One connection to the authority, by mutual TLS with one certificate; it does not keep the process alive. */
export class Link<C extends LinkCredential = Svid> {
  /** The certificate that it was made with. */
  readonly svid: C
  readonly #session: ClientHttp2Session
  readonly #url: URL
  readonly #time: TimeSource

  private constructor(session: ClientHttp2Session, { svid, url, time }: LinkOptions<C>) {
    this.svid = svid
    this.#session = session
    this.#url = url
    this.#time = time
  }

  /** @throws IdentityError `authority_unreachable`, `authority_untrusted` */
  static async open<C extends LinkCredential>(options: LinkOptions<C>): Promise<Link<C>> {
    const { url, svid, time, signal } = options
    const own = { context: clientContext(svid), roots: svid.bundle }
    const socket = await connectAuthority({ url, time, ...own, alpn: 'h2', signal })
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy()
      throw new IdentityError('authority_unreachable', `expected ${url.host} to speak HTTP/2`)
    }
    const session = connect(url.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    })
    session.on('error', () => {})
    session.unref()
    return new Link(session, options)
  }

  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed
  }

  onClose(listener: () => void): void {
    this.#session.once('close', listener)
  }

  /** The other side takes no more requests here, as when it shuts down. */
  onLeaving(listener: () => void): void {
    this.#session.once('goaway', listener)
  }

  /** Ends it, with all that goes on there. */
  close(): void {
    this.#session.destroy()
  }

  /**
   * Asks once, and gives the parsed reply; undefined where there is none. Only with `hold` the process is kept alive
   * for it.
   *
   * @throws IdentityError `authority_unreachable`, `reply_invalid`, and the codes of the authority
   */
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    { hold = false, timeoutMs = ANSWER_TIMEOUT_MS, signal }: Patience = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const json = body === undefined ? null : Buffer.from(JSON.stringify(body))
      const stream = this.#request(method, path, json)
      const cancel = this.#time.after(timeoutMs, () => fail(this.#unreachable('no answer in time')), { hold })
      const fail = (error: IdentityError) => {
        cancel()
        signal?.removeEventListener('abort', given)
        stream.destroy()
        reject(error)
      }
      const given = () => fail(this.#unreachable('nobody waits for the answer any more'))
      signal?.addEventListener('abort', given, { once: true })
      const early = () => fail(this.#unreachable('the connection ended before the answer'))
      stream.on('error', error => fail(this.#unreachable(codeOf(error))))
      stream.once('close', early)
      stream.once('response', headers => {
        stream.off('close', early)
        readText(stream).then(text => {
          cancel()
          signal?.removeEventListener('abort', given)
          try {
            resolve(this.#parse(headers, text))
          } catch (error) {
            reject(error)
          }
        }, fail)
      })
    })
  }

  /**
   * Asks for a reply without an end, and hands over each of its lines until `ended` tells why there are no more.
   * `heard` tells of every piece of one.
   *
   * @throws IdentityError `authority_unreachable` on a connection that has closed
   */
  follow(path: string, events: FollowEvents): void {
    const stream = this.#request('GET', path, null)
    let error: IdentityError | null = null
    stream.on('error', cause => (error ??= this.#unreachable(codeOf(cause))))
    stream.once('response', headers => {
      if (Number(headers[':status']) !== 200) {
        readText(stream).then(
          text => (error = this.#problem(headers, text)),
          cause => (error ??= cause),
        )
        return
      }
      const lines = new Lines(events.line, events.encoding)
      stream.on('data', (chunk: Buffer) => {
        events.heard()
        if (!lines.take(chunk))
          stream.destroy(new IdentityError('reply_invalid', 'the feed sent a line that is too long'))
      })
    })
    stream.once('close', () => setImmediate(() => events.ended(error ?? this.#unreachable('the feed ended'))))
  }

  #request(method: string, path: string, body: Buffer | null): ClientHttp2Stream {
    if (this.closed) throw this.#unreachable('the connection has closed')
    const json = body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }
    const headers = { ':method': method, ':path': `${prefixOf(this.#url)}${path}`, ...json }
    const stream = this.#session.request(headers, { endStream: body === null })
    if (body !== null) stream.end(body)
    return stream
  }

  #parse(headers: IncomingHttpHeaders, text: string): unknown {
    if (Number(headers[':status']) >= 300) throw this.#problem(headers, text)
    if (text === '') return undefined
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new IdentityError('reply_invalid', 'expected a JSON reply from the authority', { cause })
    }
  }

  #problem(headers: IncomingHttpHeaders, text: string): IdentityError {
    return problemOf({ status: Number(headers[':status']), headers, text }, this.#time.now())
  }

  #unreachable(why: string): IdentityError {
    return new IdentityError('authority_unreachable', `no answer from ${this.#url.host}: ${why}`)
  }
}

async function readText(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_REPLY_BYTES)
      throw new IdentityError('reply_invalid', `expected at most ${MAX_REPLY_BYTES} bytes from the authority`)
  }
  return Buffer.concat(chunks).toString('utf8')
}
