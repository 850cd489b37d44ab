import {
  type Body,
  type Handlers,
  LanyardError,
  type Route,
  type RouteId,
  type Routes,
  type Streaming,
} from '@lanyard/api'
import { type Caller, identityOf } from '@lanyard/authority'
import type { Answered } from '../observe/answers.ts'
import { announcesBody, parseBody, readBody, requireJson } from './body.ts'
import { type Authenticated, Callers, type CallersParts, type CallHead } from './callers.ts'
import type { Connection } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import { textOf } from './document.ts'
import { requireForm } from './form.ts'
import { readHeaders } from './headers.ts'
import type { AnyRequest, Arrival } from './listener.ts'
import type { Log } from './ports.ts'
import { isRefusal, PROBLEM_MEDIA, problemOf } from './problem.ts'
import { parseQuery } from './query.ts'
import { givenRequestId, newRequestId } from './request-id.ts'
import { type Reply, respond } from './respond.ts'
import { Router } from './router.ts'
import { Streams, type StreamsParts } from './streams.ts'
import { UnreadReplies } from './unread-replies.ts'

export interface MountParts extends CallersParts {
  readonly routes: Routes
  readonly handlers: Handlers<Routes, Caller>
  readonly bodyBytes: number
  readonly deadlines: Deadlines
  readonly log: Log
  /** Every reply should be the last of its connection. */
  readonly closing: () => boolean
  /** The same lines, which end when the caller dies although its connection goes on. */
  readonly whileAlive: (streaming: Streaming, caller: Caller) => Streaming
  /** Counts what was answered. */
  readonly answered: (answer: Answered) => void
  /** Takes the limits of time away from a reply that has no end. */
  readonly keep: StreamsParts['keep']
  /** Holds replies against their declaration: for tests. */
  readonly inspect?: (id: RouteId, route: Route, outcome: { reply: unknown } | { error: unknown }) => void
}

/** After so many refused credentials in a row the connection ends, and another one costs the guesser a handshake. */
const MAX_FAILURES = 20
/** As many of these does a proof of a machine count that was none: it costs several verifications of signatures. */
const PROOF_FAILURES = 7

interface Call extends CallHead {
  readonly params: Readonly<Record<string, string>>
  readonly search: string
}

type AnyHandler = (request: object) => unknown

/**
 * From a request to its reply by the table of routes: route, credential, allowance, permission, form, handler. Nothing
 * of a body is read before its sender is known. What is not declared is refused.
 */
export class Mount {
  readonly #parts: MountParts
  readonly #router: Router<RouteId>
  readonly #callers: Callers
  readonly #unread = new UnreadReplies()
  readonly #streams: Streams

  constructor(parts: MountParts) {
    this.#parts = parts
    this.#router = new Router(parts.routes)
    this.#callers = new Callers(parts)
    this.#streams = new Streams({ deadlines: parts.deadlines, unread: this.#unread, keep: parts.keep })
  }

  /** Ends the replies that have no end, in good order. */
  endStreams(): void {
    this.#streams.endAll()
  }

  /**
   * The caller of this connection has died. Its replies without end are over at once; what it asked before, such as the
   * revocation of its own certificate, is answered, and the connection ends with that.
   */
  cut(connection: Connection): void {
    connection.doomed = true
    const cut = this.#streams.cut(connection)
    const gone = () => connection.raw.destroy()
    // A reply that was just written is on its way within this turn.
    if (connection.underWay === cut) setImmediate(gone)
    else connection.raw.once('close', this.#parts.deadlines.begin(gone))
  }

  /** Serves one request to the end. Never throws, never rejects. */
  serve(arrival: Arrival): Promise<void> {
    const { connection } = arrival
    // Nobody waits behind a reply that has no end; only memory would.
    if (connection.occupied) connection.raw.destroy()
    // Without streams one after the other: who sends many requests at once shall not have them worked on at once.
    const before = connection.underWay > 0 && !connection.multiplexed ? connection.previous : null
    connection.underWay++
    connection.previous = this.#serve(arrival, before)
    return connection.previous
  }

  async #serve(arrival: Arrival, before: Promise<void> | null): Promise<void> {
    const { request, response, connection } = arrival
    if (before !== null) await before
    const requestId = newRequestId()
    try {
      if (connection.ended && !connection.multiplexed) return
      const reply = await this.#answer(arrival, requestId)
      connection.occupied = reply.streaming !== undefined && !connection.multiplexed
      connection.ended = isLast(connection) || this.#parts.closing()
      const shown = givenRequestId(request) ?? requestId
      const size = respond(request, response, reply, { requestId: shown, last: connection.ended })
      if (size === null) return
      if (reply.streaming === undefined) this.#unread.add(response, size, connection)
      else await this.#streams.run(response, connection, reply.streaming, reply.reader)
    } catch (error) {
      this.#parts.log.error({ request_id: requestId, error: explain(error) }, 'a reply could not be written')
      response.destroy()
    } finally {
      connection.underWay--
    }
  }

  async #answer(arrival: Arrival, requestId: string): Promise<Reply> {
    const began = performance.now()
    let id: RouteId | null = null
    const answered = (reply: Reply, code: string | null) => {
      this.#parts.answered({ id, status: reply.status, code, seconds: (performance.now() - began) / 1000 })
      return reply
    }
    try {
      const call = this.#find(arrival.request, requestId)
      id = call.id
      return answered(await this.#reply(call, arrival), null)
    } catch (error) {
      const { reply, code } = this.#refuse(error, arrival, requestId)
      return answered(reply, code)
    }
  }

  async #reply(call: Call, arrival: Arrival): Promise<Reply> {
    const { connection } = arrival
    const admitted = await this.#callers.admit(call, connection)
    const reader = admitted === null || admitted.carrier === null ? null : identityOf(admitted.caller)
    if (call.route.stream) this.#streams.requireRoom(connection, reader)
    const query = queryOf(call)
    const body = await this.#body(call, arrival)
    const { params, requestId } = call
    const parts = { params, query, body }
    const caller = admitted && (await this.#callers.authorized(call, admitted.caller, parts, connection))
    const handler = this.#parts.handlers[call.id] as AnyHandler
    const { 'x-lanyard-tenant-id': chosen, host = call.headers[':authority'] } = call.headers
    const reply = await this.#inspected(call, () =>
      handler({ params, body, query, caller, requestId, source: connection.source, chosen, host }),
    )
    if (!call.route.stream) return toReply(call.route, reply)
    return { ...toReply(call.route, this.#untilDeath(reply as Streaming, admitted)), reader }
  }

  #find(request: AnyRequest, requestId: string): Call {
    const target = request.url ?? ''
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const { id, params } = this.#router.find(request.method ?? '', path)
    const headers = readHeaders(request.rawHeaders)
    const search = mark < 0 ? '' : target.slice(mark + 1)
    return { id, route: this.#parts.routes[id], params, search, headers, raw: request.rawHeaders, requestId }
  }

  // A death cuts the connection of whoever died; where that is a proxy's, it ends the one reply.
  #untilDeath(streaming: Streaming, admitted: Authenticated | null): Streaming {
    if (admitted === null || admitted.carrier === null) return streaming
    return this.#parts.whileAlive(streaming, admitted.caller)
  }

  async #body({ route, headers }: Call, { request, response, continues }: Arrival): Promise<unknown> {
    const comes = announcesBody(request, headers)
    if (route.body === undefined) {
      if (comes) throw new LanyardError('body_invalid', 'expected no body', { errors: [] })
      return undefined
    }
    if (!comes && route.bodyOptional) return requireForm(route.body, {}, 'body_invalid')
    requireJson(headers)
    if (continues) response.writeContinue()
    const bytes = await readBody(request, headers, this.#parts.bodyBytes, this.#parts.deadlines)
    if (bytes.length === 0 && route.bodyOptional) return requireForm(route.body, {}, 'body_invalid')
    return requireForm(route.body, parseBody(bytes), 'body_invalid') as Body<Route>
  }

  async #inspected({ id, route }: Call, run: () => unknown): Promise<unknown> {
    const { inspect } = this.#parts
    if (!inspect) return run()
    try {
      const reply = await run()
      inspect(id, route, { reply })
      return reply
    } catch (error) {
      inspect(id, route, { error })
      throw error
    }
  }

  #refuse(error: unknown, { request, connection }: Arrival, requestId: string): { reply: Reply; code: string } {
    const { code, status, text, headers } = problemOf(error, requestId)
    if (code === 'node_proof_invalid') connection.failures += PROOF_FAILURES
    const given = givenRequestId(request)
    const names = { request_id: requestId, ...(given === null ? {} : { given_request_id: given }) }
    const fields = { ...names, code, source: connection.source, method: request.method }
    if (!isRefusal(error)) this.#parts.log.error({ ...fields, error: explain(error) }, 'a request failed')
    else if (status >= 500) this.#parts.log.warn({ ...fields, error: explain(error) }, 'a request could not be served')
    else this.#parts.log.debug(fields, 'a request was refused')
    return { reply: { status, text, headers, media: PROBLEM_MEDIA }, code }
  }
}

const isLast = ({ failures, occupied, doomed }: Connection) => failures >= MAX_FAILURES || occupied || doomed

const explain = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

function queryOf({ route, search }: Call): unknown {
  const query = parseQuery(search)
  if (route.query !== undefined) return requireForm(route.query, query, 'query_invalid')
  const [name] = Object.keys(query)
  if (name === undefined) return undefined
  throw new LanyardError('query_invalid', `${name.slice(0, 64)}: unknown parameter`, {
    errors: [{ path: name.slice(0, 64), message: 'unknown field' }],
  })
}

function toReply({ status, media, auth, stream }: Route, reply: unknown): Reply {
  if (status === 204) return { status }
  if (stream) return { status, ...(media === undefined ? {} : { media }), streaming: reply as Streaming }
  if (media !== undefined) return { status, media, text: String(reply) }
  return { status, text: auth.kind === 'public' ? textOf(reply as object) : JSON.stringify(reply) }
}
