import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Ack,
  type Death,
  type FeedLine,
  type Rebirth,
  signFeedLine,
  subjectOf,
  verifyAck,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { certificatesOf } from '../client/certificates.ts'
import type { Enrolment } from '../feed/lease.ts'
import type { TestCa } from './ca.ts'
import { textOf } from './fake-authority.ts'

type Kind = Parameters<typeof subjectOf>[0]

const TEMPLATE = '/tenant/{tenant}/agent/{agent}'

/** The feed of a small authority that works: signed lines, leases, acknowledgements that are verified. */
export class FakeFeed {
  /** Between two lines. */
  heartbeatMs = 20
  /** Whether it speaks; silent, its connections stay open. */
  speaks = true
  /** Between the quarters of the first line of a connection, in milliseconds. */
  dripMs = 0
  /** How old what it says is, in milliseconds, as of an instance that is cut off from its database. */
  lagMs = 0
  feedId = 'feed-1'
  epoch = 1
  renewAfterMs = 10_000
  /** Answered to all that points ask, in place of what they ask for. */
  refusal: { readonly status: number; readonly code: string } | null = null
  /** How often it refused. */
  refused = 0
  /** Refusals go out once this is kept. */
  late: Promise<void> = Promise.resolve()
  /** The queries of its readers. */
  readonly asked: string[] = []
  readonly enrolments: Enrolment[] = []
  readonly acks: Ack[] = []
  readonly services = new Map<string, string>()
  readonly #ca: TestCa
  readonly #now: () => number
  readonly #readers = new Set<ServerResponse>()
  #key: ReturnType<TestCa['feedKey']>
  #deaths: Death[] = []
  #rebirths: Rebirth[] = []
  #timer: NodeJS.Timeout | null = null
  #heard: (() => void)[] = []

  constructor(ca: TestCa, now: () => number) {
    this.#ca = ca
    this.#now = now
    this.#key = ca.feedKey('one')
  }

  get readers(): number {
    return this.#readers.size
  }

  /** Tells a death, and nothing but it. */
  async kill(kind: Kind, value: string, through = 1): Promise<number> {
    const death = { subject: subjectOf(kind, value, nodeCrypto), through, until: null }
    this.#deaths.push(death)
    this.epoch++
    await this.tell({ prev: this.epoch - 1, deaths: [death] })
    return this.epoch
  }

  /** A death that no line tells: only a snapshot does. */
  killSilently(kind: Kind, value: string): void {
    this.#deaths.push({ subject: subjectOf(kind, value, nodeCrypto), through: 1, until: null })
    this.epoch++
  }

  /** All that was told is forgotten, as in a database that was restored. */
  forget(feedId: string): void {
    this.feedId = feedId
    this.epoch = 1
    this.#deaths = []
    this.#rebirths = []
  }

  /** Lines of a key that nobody has certified. */
  forge(): void {
    this.#key = { ...this.#key, signer: this.#ca.feedKey('one').signer }
  }

  async tell(changes: Partial<FeedLine> = {}): Promise<void> {
    if (!this.speaks) return
    const line = `${await this.#sign({ ...this.#heartbeat(), ...changes })}\n`
    for (const reader of this.#readers) reader.write(line)
  }

  /** The connections of its readers, ended in good order. */
  endReaders(): void {
    for (const reader of this.#readers) reader.end()
  }

  /** Kept when the acknowledgement for this epoch or a later one is there. */
  async acknowledged(epoch: number): Promise<Ack> {
    return await this.until(() => this.acks.find(ack => ack.epoch >= epoch))
  }

  /** Kept once `find` finds something; it looks whenever a point has said something. */
  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await new Promise<void>(resolve => this.#heard.push(resolve))
    }
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** True for a request of its own. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = new URL(request.url!, 'https://x')
    if (!/^\/v1\/(feed|services)/.test(url.pathname)) return false
    const receivedAt = this.#now()
    const body = request.method === 'POST' ? JSON.parse(await textOf(request)) : undefined
    const answer = this.#answer(`${request.method} ${url.pathname}`, url, body, receivedAt)
    if (this.refusal !== null) {
      for (const heard of this.#heard.splice(0)) heard()
      await this.late
    }
    if (answer === 'follow') await this.#follow(url, response)
    else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text)
    for (const heard of this.#heard.splice(0)) heard()
    return true
  }

  #answer(call: string, url: URL, body: unknown, receivedAt: number) {
    const json = (status: number, value: unknown) => ({ status, text: JSON.stringify(value) })
    if (this.refusal !== null) this.refused++
    if (this.refusal !== null) return json(this.refusal.status, { ...this.refusal, detail: 'told to refuse' })
    switch (call) {
      case 'GET /v1/feed':
        return 'follow' as const
      case 'POST /v1/feed/points':
        this.enrolments.push(body as Enrolment)
        return json(200, { renew_after_ms: this.renewAfterMs, received_at: receivedAt, answered_at: this.#now() })
      case 'POST /v1/feed/acks':
        this.#acknowledge((body as { ack: string }).ack)
        return { status: 204, text: '' }
      case 'POST /v1/services':
        this.services.set((body as { url: string }).url, 'x')
        return json(200, { renew_after_ms: 10_000 })
      case 'DELETE /v1/services':
        this.services.delete(url.searchParams.get('url')!)
        return { status: 204, text: '' }
      case 'GET /v1/services': {
        const id = url.searchParams.get('spiffe_id')
        return json(200, { items: [...this.services.keys()].map(url => ({ spiffe_id: id, url, since: '1' })) })
      }
      default:
        return json(404, { code: 'route_unknown' })
    }
  }

  #acknowledge(token: string): void {
    const expected = { roots: certificatesOf(this.#ca.bundle), at: this.#now() }
    this.acks.push(verifyAck(token, expected, nodeCrypto).ack)
  }

  async #follow(url: URL, response: ServerResponse): Promise<void> {
    this.asked.push(url.search)
    const since = Number(url.searchParams.get('since') ?? -1)
    const resumes = since === this.epoch && url.searchParams.get('feed_id') === this.feedId
    const first = resumes
      ? this.#heartbeat()
      : {
          ...this.#heartbeat(),
          kind: 'snapshot' as const,
          prev: 0,
          deaths: this.#deaths,
          rebirths: this.#rebirths,
          template: TEMPLATE,
        }
    response.writeHead(200, { 'content-type': 'application/jsonl' })
    if (this.speaks) await this.#drip(response, `${await this.#sign(first)}\n`)
    this.#readers.add(response)
    response.once('close', () => this.#readers.delete(response))
    this.#timer ??= setInterval(() => void this.tell(), this.heartbeatMs).unref()
  }

  async #drip(response: ServerResponse, line: string): Promise<void> {
    const quarter = Math.ceil(line.length / 4)
    for (let at = 0; at < line.length; at += quarter) {
      if (this.dripMs > 0) await new Promise(resolve => setTimeout(resolve, this.dripMs))
      response.write(line.slice(at, at + quarter))
    }
  }

  #heartbeat(): FeedLine {
    const { feedId, epoch } = this
    const asOf = Math.floor(this.#now() - this.lagMs)
    return { kind: 'delta', feedId, instance: 'one', epoch, prev: epoch, asOf, deaths: [], rebirths: [] }
  }

  #sign(line: FeedLine): Promise<string> {
    return signFeedLine(line, this.#key)
  }
}
