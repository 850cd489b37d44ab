import type { Agent } from 'node:https'
import type { BodyInput, Params, QueryInput, Reply, Routes } from '@lanyard/api'
import { type Problem, Refusal, refuse } from '../problem.ts'
import { agentFor, exchange, type HttpReply, type Outgoing, type Trust } from './exchange.ts'
import { readLines } from './lines.ts'

type AnyRoute = Routes[keyof Routes]
/** A call of the API, as it is declared: `GET /v1/agents/{tenant}/{agent}`. */
export type Call = AnyRoute['call']
type RouteOf<C extends Call> = Extract<AnyRoute, { call: C }>

type Part<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : { readonly [K in Name]: T }
type ParamsPart<C extends Call> = keyof Params<RouteOf<C>> extends never
  ? { readonly params?: undefined }
  : { readonly params: Params<RouteOf<C>> }
type BodyPart<C extends Call> =
  RouteOf<C> extends { bodyOptional: true }
    ? { readonly body?: BodyInput<RouteOf<C>> }
    : Part<'body', BodyInput<RouteOf<C>>>
type QueryPart<C extends Call> = {
  readonly query?: { readonly [K in keyof QueryInput<RouteOf<C>>]?: string | number | boolean | undefined }
}
/** What a call takes, by its declaration. */
export type CallInput<C extends Call> = ParamsPart<C> & BodyPart<C> & QueryPart<C>
/** What it gives back; undefined for a reply without a body. */
export type CallReply<C extends Call> = Reply<RouteOf<C>>

export interface Endpoint {
  readonly url: URL
  readonly trust: Exclude<Trust, 'unproven'>
  /** An API key, an agent token, or what gives the token of a session, fresh at each call. */
  readonly bearer?: string | (() => Promise<string>) | undefined
  /** The secret of an agent, instead of a bearer credential. */
  readonly secret?: string | undefined
  /** Sent as `X-Lanyard-Tenant-Id`: which tenant is meant where a call names none. */
  readonly tenant?: string | undefined
  /** Where the credential comes from, such as `LANYARD_API_KEY`: told where it does not count. */
  readonly from?: string | undefined
}

/**
 * The API by the calls that it declares. The declarations are used as types alone: so a command starts without loading
 * them, and a call that does not exist does not compile.
 */
export class ApiClient {
  readonly #endpoint: Endpoint
  readonly #agent: Agent

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.#agent = agentFor(endpoint.trust)
  }

  /**
   * Makes a call and gives its reply as it came.
   *
   * @throws Refusal with the server's problem document, or `server_unreachable`, `server_untrusted`
   */
  async call<C extends Call>(call: C, input: CallInput<C>, patience: Patience = {}): Promise<CallReply<C>> {
    const reply = await this.#send(call, input as LooseInput, patience)
    if (reply.status < 200 || reply.status > 299) throw refusalOf(reply, this.#endpoint)
    if (reply.status === 204) return undefined as CallReply<C>
    return (reply.type.includes('json') ? parse(reply, this.#endpoint.url) : reply.body) as CallReply<C>
  }

  /**
   * Follows a reply without end, line by line; ends when `stopped` is aborted.
   *
   * @throws Refusal as {@link call}; `server_unreachable` also when the reply ends or falls silent
   */
  async *lines<C extends Call>(call: C, query: CallInput<C>['query'], stopped: AbortSignal): AsyncGenerator<string> {
    const { url, headers } = await this.#outgoing(call, { query: query as LooseInput['query'] })
    const agent = this.#agent
    yield* readLines({ agent, url, headers, stopped, refused: reply => refusalOf(reply, this.#endpoint) })
  }

  /** How far the server's clock is ahead of `now`, in milliseconds, exact to a second; null when it does not say. */
  async clockAhead(now: () => number): Promise<number | null> {
    const before = now()
    const { date } = await this.#send('GET /healthz', {})
    return date === null ? null : date + 500 - (before + now()) / 2
  }

  async #send(call: Call, input: LooseInput, { deadlineMs }: Patience = {}): Promise<HttpReply> {
    const { body } = input
    return exchange(this.#agent, {
      ...(await this.#outgoing(call, input)),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      deadlineMs,
    })
  }

  async #outgoing(call: Call, { params = {}, query = {}, body }: LooseInput) {
    const [method = '', path = ''] = call.split(' ')
    const url = new URL(this.#endpoint.url)
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
    url.pathname = url.pathname.replace(/\/$/, '') + filled
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const { bearer, secret, tenant } = this.#endpoint
    const shown = typeof bearer === 'function' ? await bearer() : bearer
    const headers = {
      accept: 'application/json',
      ...(shown && { authorization: `Bearer ${shown}` }),
      ...(secret && { authorization: `Lanyard-Secret ${secret}` }),
      ...(tenant && { 'x-lanyard-tenant-id': tenant }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    return { method, url, headers }
  }
}

/** How long to wait for the reply, where that is another time than for most. */
export type Patience = Pick<Outgoing, 'deadlineMs'>

interface LooseInput {
  readonly params?: Readonly<Record<string, string>> | undefined
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  readonly body?: unknown
}

function refusalOf(reply: HttpReply, { url, from }: Pick<Endpoint, 'url' | 'from'>): Error {
  const problem = reply.type.includes('json') ? (parse(reply, url) as Partial<Problem> | null) : null
  if (typeof problem?.code === 'string') {
    const shown = from !== undefined && problem.code === 'unauthenticated' ? { credential_from: from } : {}
    return new Refusal({ ...(problem as Problem), ...shown })
  }
  return refuse(
    'server_unreachable',
    `${url.host} answers ${reply.status} without a problem document: is this Lanyard?`,
  )
}

function parse(reply: HttpReply, url: URL): unknown {
  try {
    return JSON.parse(reply.body)
  } catch (cause) {
    throw refuse('server_unreachable', `${url.host} answers with JSON that cannot be read: is this Lanyard?`, { cause })
  }
}
