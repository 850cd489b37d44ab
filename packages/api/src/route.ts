import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import type { EventType } from './events.ts'
import type { Permission } from './permissions.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/**
 * Kinds of credentials that a route can accept. `principal`: a person or program that holds roles by what it has
 * already, a token of a configured issuer or a client certificate. `external-token`: of a tenant's identity provider,
 * for an agent. `agent-secret`: with the client certificate beside it where that is required.
 */
export type CredentialKind =
  | 'api-key'
  | 'principal'
  | 'agent-token'
  | 'agent-certificate'
  | 'agent-secret'
  | 'external-token'
  | 'node-certificate'

/** Who manages: what is for an API key is for every principal with its permission too. */
export const MANAGERS = ['api-key', 'principal'] as const satisfies readonly CredentialKind[]

/** Who may call. `public` says why a stranger may; `permission: null` means that any valid credential will do. */
export type Auth =
  | { readonly kind: 'public'; readonly because: string }
  | {
      readonly kind: 'identity'
      readonly accepts: readonly [CredentialKind, ...CredentialKind[]]
      readonly permission: Permission | null
    }

/**
 * How often. `identity` counts against the caller's own allowance, or, with `times`, against one of this route alone
 * that is so many times as large; `calls` says as how many calls a body counts. `none` says why no limit is needed: what
 * comes before authentication is limited by connection, not here.
 */
export type Limit =
  | { readonly per: 'identity'; readonly times?: number; readonly calls?: (body: unknown) => number }
  | { readonly per: 'none'; readonly because: string }

/** Which events it writes, or why it writes none. */
export type Audit = readonly [EventType, ...EventType[]] | { readonly because: string }

/** One call: everything that mounting, authentication, limits, OpenAPI, clients, docs and guard tests derive from. */
export interface Route {
  /** Method and path, `{name}` for parameters: `GET /v1/agents/{tenant}/{agent}`. */
  readonly call: `${Method} /${string}`
  readonly summary: string
  readonly auth: Auth
  readonly limit: Limit
  readonly audit: Audit
  /** Strict object; none means that the call takes no body. */
  readonly body?: z.ZodType
  /** The body may be left out altogether. */
  readonly bodyOptional?: true
  readonly query?: z.ZodType
  readonly status: 200 | 201 | 202 | 204
  /** None with status 204. */
  readonly reply?: z.ZodType
  /** `application/json` where none is given. */
  readonly media?: string
  /** The reply has no end: its handler gives a {@link Streaming}. */
  readonly stream?: true
  /** Codes of its own; those of authentication, limits and form come with the declaration. */
  readonly errors: readonly ErrorCode[]
}

/** Declares a route; gives it back with its exact type. */
export const route = <const R extends Route>(declaration: R): R => declaration

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never

/** The path parameters of a route, by name. */
export type Params<R extends Route> = { readonly [Name in ParamNames<R['call']>]: string }
/** The body that a handler receives, parsed. */
export type Body<R extends Route> = R extends { body: infer B extends z.ZodType } ? z.output<B> : undefined
/** The body that a client sends. */
export type BodyInput<R extends Route> = R extends { body: infer B extends z.ZodType } ? z.input<B> : undefined
/** The query that a handler receives, parsed. */
export type Query<R extends Route> = R extends { query: infer Q extends z.ZodType } ? z.output<Q> : undefined
export type QueryInput<R extends Route> = R extends { query: infer Q extends z.ZodType } ? z.input<Q> : undefined
/** What a handler gives back and a client gets. */
export type Reply<R extends Route> = R extends { stream: true }
  ? Streaming
  : R extends { reply: infer T extends z.ZodType }
    ? z.output<T>
    : undefined

/** Where a reply without end goes. */
export interface Sink {
  /**
   * Sends bytes, which must stay as they are: they are not copied. False: the reader takes no more for now; what is
   * written before {@link onDrain} calls back waits in memory.
   */
  write(bytes: Uint8Array): boolean
  /** Calls back whenever the reader has taken what waited. One that does not for too long is cut. */
  onDrain(listener: () => void): void
  /** Ends the reply in good order. */
  end(): void
  /** Cuts the connection, with all that waits for its reader. */
  cut(): void
}

/** A reply without end: called once its head is sent. Gives what is to be called when the connection has closed. */
export type Streaming = (sink: Sink) => () => void

/** What a handler is called with. `Caller` is the identity that authentication proved; null on public routes. */
export interface Request<R extends Route, Caller> {
  readonly params: Params<R>
  readonly body: Body<R>
  readonly query: Query<R>
  readonly caller: R['auth'] extends { kind: 'public' } ? null : Caller
  readonly requestId: string
  /** Remote address, for events. */
  readonly source: string
  /** The tenant of `X-Lanyard-Tenant-Id`, for calls that name none; a name, on routes that are not public. */
  readonly chosen?: string | undefined
  /** `Host` or `:authority`, as it came: whoever calls can write anything there. */
  readonly host?: string | undefined
}

export type Handler<R extends Route, Caller> = (request: Request<R, Caller>) => Reply<R> | Promise<Reply<R>>

/** One handler for each declared route: a missing one, or one too many, does not compile. */
export type Handlers<Routes extends Record<string, Route>, Caller> = {
  readonly [Id in keyof Routes]: Handler<Routes[Id], Caller>
}

/** Method and path of a declaration. */
export function splitCall(call: Route['call']): { method: Method; path: string } {
  const space = call.indexOf(' ')
  return { method: call.slice(0, space) as Method, path: call.slice(space + 1) }
}
