import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { NodeChange, type NodeEntry } from '@lanyard/api'
import type { ClientTls } from './client.ts'
import type { HttpHarness } from './http.ts'

type Kind<K extends NodeChange['kind']> = Extract<NodeChange, { kind: K }>

/** A node that follows its entries, and keeps them as a daemon would. */
export class NodeStream {
  readonly lines: NodeChange[] = []
  ended = false
  readonly #entries = new Map<string, NodeEntry>()
  readonly #request: ClientRequest
  readonly #waiting: (() => void)[] = []
  #rest = ''

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request
    response.setEncoding('utf8').on('data', chunk => this.#take(chunk))
    response.on('error', () => {})
    response.once('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  /** Connects and asks. Throws what status came in place of lines. */
  static open({ port, rootPem: ca }: HttpHarness, tls: ClientTls, cursor?: string): Promise<NodeStream> {
    const path = `/v1/node/changes${cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`}`
    const where = { host: '127.0.0.1', servername: 'localhost', port, ca, agent: false, path }
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...where, ...tls }, response => {
        if (response.statusCode === 200) return resolve(new NodeStream(request, response))
        response.resume()
        reject(Object.assign(new Error(`status ${response.statusCode}`), { status: response.statusCode }))
      })
      request.on('error', reject)
      request.end()
    })
  }

  of<K extends NodeChange['kind']>(kind: K): Kind<K>[] {
    return this.lines.filter((line): line is Kind<K> => line.kind === kind)
  }

  /** What it would serve now, by id. */
  get entries(): ReadonlyMap<string, NodeEntry> {
    return this.#entries
  }

  get cursor(): string {
    return this.of('entries').at(-1)!.cursor
  }

  /** Waits until it has heard enough. Fails when the lines end before. */
  async until(enough: (stream: this) => boolean): Promise<void> {
    while (!enough(this)) {
      if (this.ended) throw new Error(`the lines ended after ${this.lines.length}`)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  close(): void {
    this.#request.destroy()
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#hear(NodeChange.parse(JSON.parse(line)))
    this.#wake()
  }

  #hear(line: NodeChange): void {
    this.lines.push(line)
    if (line.kind !== 'entries') return
    if (line.reset) this.#entries.clear()
    for (const entry of line.entries) this.#entries.set(entry.id, entry)
    for (const id of line.removed) this.#entries.delete(id)
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
