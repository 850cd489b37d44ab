import {
  type Body,
  type CredentialKind,
  type Handlers,
  LanyardError,
  type Permission,
  type Route,
  type RouteId,
  type Routes,
  type Streaming,
} from '@lanyard/api'
import { type Caller, type CertificateCaller, narrow, requireName, requirePermission } from '@lanyard/authority'
import type { Answered } from '../observe/answers.ts'
import { announcesBody, parseBody, readBody, requireJson } from './body.ts'
import type { Connection } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import { textOf } from './document.ts'
import { requireForm } from './form.ts'
import { type ReadHeaders, readHeaders } from './headers.ts'
import type { AnyRequest, Arrival } from './listener.ts'
import { judged } from './permitted.ts'
import type { Log } from './ports.ts'
import { isRefusal, PROBLEM_MEDIA, problemOf } from './problem.ts'
import { parseQuery } from './query.ts'
import type { RateLimit } from './rate-limit.ts'
import { newRequestId } from './request-id.ts'
import { type Reply, respond } from './respond.ts'
import { Router } from './router.ts'
import { Streams, type StreamsParts } from './streams.ts'
import { UnreadReplies } from './unread-replies.ts'

/** Who was proved. */
export interface Authenticated {
  readonly caller: Caller
  /** Whose the connection is, where it is a proxy's and says nothing of the caller; null: the caller's own. */
  readonly carrier: CertificateCaller | 'proxy' | null
}

/** Who calls, by what came with the request. `raw`: names and values of all headers, in turn. */
export interface Authenticate {
  /** Throws when nothing proves anyone. */
  prove(headers: ReadHeaders, connection: Connection, id: RouteId, raw: readonly string[]): Promise<Authenticated>
  /** Where nobody needs to be proved: throws for what nobody but a proxy may send. */
  screen(connection: Connection, raw: readonly string[]): void
}

/** One call before its handler: what the policies judge, after the roles. */
export interface JudgedCall {
  readonly id: RouteId
  readonly route: Route
  readonly caller: Caller
  /** As the call names them. */
  readonly tenant: string | undefined
  readonly agent: string | undefined
  readonly parts: CallParts
  readonly source: string
  readonly requestId: string
}

/** What a call says, parsed. */
export interface CallParts {
  readonly params: Readonly<Record<string, string>>
  readonly query: unknown
  readonly body: unknown
}

export interface MountParts {
  readonly routes: Routes
  readonly handlers: Handlers<Routes, Caller>
  readonly authenticate: Authenticate
  readonly rateLimit: RateLimit
  readonly bodyBytes: number
  readonly deadlines: Deadlines
  readonly log: Log
  /** Every reply should be the last of its connection. */
  readonly closing: () => boolean
  /** A credential was refused at the door. Kept once whatever is told of it is told. */
  readonly refused: (
    error: unknown,
    request: { readonly id: RouteId; readonly source: string; readonly correlation: string },
  ) => Promise<void>
  /** The connection has carried a good credential. */
  readonly prove: (connection: Connection, authenticated: Authenticated) => void
  /** The same lines, which end when the caller dies although its connection goes on. */
  readonly whileAlive: (streaming: Streaming, caller: Caller) => Streaming
  /** Asks the policies. Throws `policy_denied`, `policy_failed`. */
  readonly judge: (call: JudgedCall) => Promise<void>
  /** Whether this instance was put out of service. */
  readonly evicted: () => boolean
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

interface Call {
  readonly id: RouteId
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  readonly search: string
  readonly headers: ReadHeaders
  readonly raw: readonly string[]
}

type AnyHandler = (request: object) => unknown

/**
 * From a request to its reply by the table of routes: route, credential, allowance, permission, form, handler. Nothing
 * of a body is read before its sender is known. What is not declared is refused.
 */
export class Mount {
  readonly #parts: MountParts
  readonly #router: Router<RouteId>
  readonly #unread = new UnreadReplies()
  readonly #streams: Streams

  constructor(parts: MountParts) {
    this.#parts = parts
    this.#router = new Router(parts.routes)
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
      const size = respond(request, response, reply, { requestId, last: connection.ended })
      if (size === null) return
      if (reply.streaming === undefined) this.#unread.add(response, size, connection)
      else await this.#streams.run(response, connection, reply.streaming)
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
      const call = this.#find(arrival.request)
      id = call.id
      return answered(await this.#reply(call, arrival, requestId), null)
    } catch (error) {
      const { reply, code } = this.#refuse(error, arrival, requestId)
      return answered(reply, code)
    }
  }

  async #reply(call: Call, arrival: Arrival, requestId: string): Promise<Reply> {
    const { connection } = arrival
    const admitted = await this.#admit(call, connection, requestId)
    if (call.route.stream) this.#streams.requireRoom(connection)
    const query = queryOf(call)
    const body = await this.#body(call, arrival)
    const { params } = call
    const parts = { params, query, body }
    const caller = admitted && (await this.#authorized(call, admitted.caller, parts, connection, requestId))
    const handler = this.#parts.handlers[call.id] as AnyHandler
    const { 'x-lanyard-tenant-id': chosen, host = call.headers[':authority'] } = call.headers
    const reply = await this.#inspected(call, () =>
      handler({ params, body, query, caller, requestId, source: connection.source, chosen, host }),
    )
    return toReply(call.route, call.route.stream ? this.#untilDeath(reply as Streaming, admitted) : reply)
  }

  #find(request: AnyRequest): Call {
    const target = request.url ?? ''
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const { id, params } = this.#router.find(request.method ?? '', path)
    const headers = readHeaders(request.rawHeaders)
    const search = mark < 0 ? '' : target.slice(mark + 1)
    return { id, route: this.#parts.routes[id], params, search, headers, raw: request.rawHeaders }
  }

  async #admit(call: Call, connection: Connection, requestId: string): Promise<Authenticated | null> {
    const { id, route } = call
    const { auth, limit } = route
    if (auth.kind === 'public') {
      this.#parts.authenticate.screen(connection, call.raw)
      return null
    }
    if (this.#parts.evicted()) throw new LanyardError('instance_evicted', 'this instance was put out of service')
    const authenticated = await this.#authenticated(call, connection, requestId)
    const { caller } = authenticated
    this.#parts.rateLimit.spend(caller, id, limit)
    const tell = (error: unknown) =>
      this.#parts.refused(error, { id, source: connection.source, correlation: requestId })
    if (auth.permission !== null)
      await judged(caller, tell, () => requirePermission(caller, auth.permission as Permission))
    requireKind(caller, auth.accepts)
    return authenticated
  }

  /** The caller as it counts for what the call names, once roles and policies have allowed it. */
  async #authorized(
    { id, route, headers }: Call,
    admitted: Caller,
    parts: CallParts,
    { source }: Connection,
    requestId: string,
  ): Promise<Caller> {
    if (route.auth.kind === 'public') return admitted
    const permission = route.auth.permission as Permission | null
    const { tenant, agent } = targetOf(parts)
    const chosen = headers['x-lanyard-tenant-id']
    if (chosen !== undefined) requireName('tenant', chosen)
    const tell = (error: unknown) => this.#parts.refused(error, { id, source, correlation: requestId })
    const caller = await judged(admitted, tell, () => {
      const narrowed = narrow(admitted, { permission, tenant, agent, chosen })
      if (permission !== null) requirePermission(narrowed, permission)
      return narrowed
    })
    await this.#parts.judge({ id, route, caller, tenant, agent, parts, source, requestId })
    return caller
  }

  // A death cuts the connection of whoever died; where that is a proxy's, it ends the one reply.
  #untilDeath(streaming: Streaming, admitted: Authenticated | null): Streaming {
    if (admitted === null || admitted.carrier === null) return streaming
    return this.#parts.whileAlive(streaming, admitted.caller)
  }

  async #authenticated({ id, headers, raw }: Call, connection: Connection, requestId: string): Promise<Authenticated> {
    try {
      const authenticated = await this.#parts.authenticate.prove(headers, connection, id, raw)
      connection.failures = 0
      this.#parts.prove(connection, authenticated)
      return authenticated
    } catch (error) {
      connection.failures++
      await this.#parts.refused(error, { id, source: connection.source, correlation: requestId })
      throw error
    }
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
    const fields = { request_id: requestId, code, source: connection.source, method: request.method }
    if (!isRefusal(error)) this.#parts.log.error({ ...fields, error: explain(error) }, 'a request failed')
    else if (status >= 500) this.#parts.log.warn({ ...fields, error: explain(error) }, 'a request could not be served')
    else this.#parts.log.debug(fields, 'a request was refused')
    return { reply: { status, text, headers, media: PROBLEM_MEDIA }, code }
  }
}

const isLast = ({ failures, occupied, doomed }: Connection) => failures >= MAX_FAILURES || occupied || doomed

const explain = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/**
 * The tenant and the agent that a call is about. In the path they are what the handler acts on, before what a body says;
 * where both name one and they differ, the call is about neither.
 */
function targetOf({ params, query, body }: CallParts) {
  const named = (name: 'tenant' | 'agent'): string | undefined => {
    const found = [params, query, body].map(part => (part as Record<string, unknown> | undefined)?.[name])
    const texts = new Set(found.filter(value => typeof value === 'string'))
    return texts.size === 1 ? [...texts][0] : undefined
  }
  return { tenant: named('tenant'), agent: named('agent') }
}

function requireKind(caller: Caller, accepts: readonly CredentialKind[]): void {
  if (accepts.includes(caller.kind)) return
  throw new LanyardError('unauthenticated', `expected ${accepts.join(' or ')}, got ${caller.kind}`)
}

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
