import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type FeedLine, FeedVerifier } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { ClientTls } from './client.ts'
import type { HttpHarness } from './http.ts'

/** One who follows the feed, and holds every line against the roots. */
export class FeedReader {
  readonly lines: FeedLine[] = []
  ended = false
  readonly #request: ClientRequest
  readonly #response: IncomingMessage
  readonly #verifier: FeedVerifier
  readonly #now: () => number
  readonly #waiting: (() => void)[] = []
  #rest = ''

  private constructor(server: HttpHarness, request: ClientRequest, response: IncomingMessage) {
    const { authorities } = server.pipeline
    const { trustDomain } = authorities.bundle()
    this.#verifier = new FeedVerifier({ trustDomain, roots: () => authorities.roots(), crypto: nodeCrypto })
    this.#now = () => server.clock.now()
    this.#request = request
    this.#response = response
    response.setEncoding('latin1').on('data', chunk => this.#take(chunk))
    response.on('error', () => {})
    response.once('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  /** Connects and asks; `query` as in a URL. Throws what status came in place of a feed. */
  static open(server: HttpHarness, credential: { tls?: ClientTls; token?: string }, query = ''): Promise<FeedReader> {
    const { port, rootPem: ca } = server
    const where = { host: '127.0.0.1', servername: 'localhost', port, ca, agent: false, path: `/v1/feed${query}` }
    const headers = credential.token === undefined ? {} : { authorization: `Bearer ${credential.token}` }
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...where, ...credential.tls, headers }, response => {
        if (response.statusCode === 200) return resolve(new FeedReader(server, request, response))
        response.resume()
        reject(Object.assign(new Error(`status ${response.statusCode}`), { status: response.statusCode }))
      })
      request.on('error', reject)
      request.end()
    })
  }

  get epoch(): number {
    return this.lines.at(-1)?.epoch ?? -1
  }

  /** Waits until it has heard enough. Fails when the feed ends before. */
  async until(enough: (reader: this) => boolean): Promise<void> {
    while (!enough(this)) {
      if (this.ended) throw new Error(`the feed ended after ${this.lines.length} lines`)
      await this.#woken()
    }
  }

  /** Waits for the end of the feed. Gives whether it came in good order. */
  async over(): Promise<boolean> {
    while (!this.ended) await this.#woken()
    return this.#response.complete
  }

  /** Reads no more, and stays. */
  pause(): void {
    this.#response.pause()
    this.#response.socket.pause()
  }

  leave(): void {
    this.#request.destroy()
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.lines.push(this.#verifier.verify(line, this.#now()))
    this.#wake()
  }

  #woken(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
