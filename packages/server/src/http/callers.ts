import { type CredentialKind, LanyardError, type Permission, type Route, type RouteId } from '@lanyard/api'
import {
  type Caller,
  type CertificateCaller,
  narrow,
  type PrincipalCaller,
  refusedAs,
  requireName,
  requirePermission,
} from '@lanyard/authority'
import type { Connection } from './connection.ts'
import type { ReadHeaders } from './headers.ts'
import type { RateLimit } from './rate-limit.ts'

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

export interface CallersParts {
  readonly authenticate: Authenticate
  readonly rateLimit: RateLimit
  /** A credential was refused at the door. Kept once whatever is told of it is told. */
  readonly refused: (
    error: unknown,
    request: { readonly id: RouteId; readonly source: string; readonly correlation: string },
  ) => Promise<void>
  /** The connection has carried a good credential. */
  readonly prove: (connection: Connection, authenticated: Authenticated) => void
  /** Asks the policies. Throws `policy_denied`, `policy_failed`. */
  readonly judge: (call: JudgedCall) => Promise<void>
  /** Whether this instance was put out of service. */
  readonly evicted: () => boolean
}

/** A call whose head was read. */
export interface CallHead {
  readonly id: RouteId
  readonly route: Route
  readonly headers: ReadHeaders
  /** Names and values of all headers, in turn. */
  readonly raw: readonly string[]
  readonly requestId: string
}

/**
 * Who calls, and whether they may: credential, allowance, permission; and once the call is read, roles and policies.
 */
export class Callers {
  readonly #parts: CallersParts

  constructor(parts: CallersParts) {
    this.#parts = parts
  }

  /** What can be asked before anything of a body is read; null for calls that anybody may make. */
  async admit(call: CallHead, connection: Connection): Promise<Authenticated | null> {
    const { id, route } = call
    const { auth, limit } = route
    const { authenticate, evicted, rateLimit } = this.#parts
    if (auth.kind === 'public') {
      authenticate.screen(connection, call.raw)
      return null
    }
    if (evicted()) throw new LanyardError('instance_evicted', 'this instance was put out of service')
    const proved = await this.#authenticated(call, connection)
    const caller = isAgentAlone(proved.caller, route) ? proved.caller.svid : proved.caller
    const authenticated = { ...proved, caller }
    rateLimit.spend(caller, id, limit)
    const { permission } = auth
    if (permission !== null)
      await this.#told(call, connection, caller, () => requirePermission(caller, permission as Permission))
    requireKind(caller, auth.accepts)
    return authenticated
  }

  /** The caller as it counts for what the call names, once roles and policies have allowed it. */
  async authorized(call: CallHead, admitted: Caller, parts: CallParts, connection: Connection): Promise<Caller> {
    const { id, route, headers, requestId } = call
    if (route.auth.kind === 'public') return admitted
    this.#spendMore(call, admitted, parts)
    const permission = route.auth.permission as Permission | null
    const { tenant, agent } = targetOf(parts)
    const chosen = headers['x-lanyard-tenant-id']
    if (chosen !== undefined) requireName('tenant', chosen)
    const caller = await this.#told(call, connection, admitted, () => {
      const allowed = (one: Caller) => {
        const narrowed = narrow(one, { permission, tenant, agent, chosen })
        if (permission !== null) requirePermission(narrowed, permission)
        return narrowed
      }
      try {
        return allowed(admitted)
      } catch (error) {
        // Its roles do not reach there, and what an agent may do by itself it may yet.
        if (!(error instanceof LanyardError) || !isAgentToo(admitted, route)) throw error
        return allowed(admitted.svid)
      }
    })
    await this.#parts.judge({ id, route, caller, tenant, agent, parts, source: connection.source, requestId })
    return caller
  }

  // One was counted before the body was read.
  #spendMore({ id, route: { limit } }: CallHead, caller: Caller, { body }: CallParts): void {
    const calls = limit.per === 'none' ? 1 : (limit.calls?.(body) ?? 1)
    if (calls > 1) this.#parts.rateLimit.spend(caller, id, limit, calls - 1)
  }

  async #authenticated(call: CallHead, connection: Connection): Promise<Authenticated> {
    const { authenticate, prove } = this.#parts
    try {
      const authenticated = await authenticate.prove(call.headers, connection, call.id, call.raw)
      connection.failures = 0
      prove(connection, authenticated)
      return authenticated
    } catch (error) {
      connection.failures++
      await this.#refused(error, call, connection)
      throw error
    }
  }

  /** Judges what a caller may do. What a principal is refused is told: it is known who tried. */
  async #told<T>(call: CallHead, connection: Connection, caller: Caller, judge: () => T): Promise<T> {
    try {
      return judge()
    } catch (error) {
      await this.#refused(asKnown(error, caller), call, connection)
      throw error
    }
  }

  #refused(error: unknown, { id, requestId: correlation }: CallHead, { source }: Connection): Promise<void> {
    return this.#parts.refused(error, { id, source, correlation })
  }
}

type BySvid = PrincipalCaller & { readonly svid: CertificateCaller }

/** Whether an SVID that is bound to a role counts at a route as its agent, too, where its roles do not allow the call. */
const isAgentToo = (caller: Caller, { auth }: Route): caller is BySvid =>
  caller.kind === 'principal' &&
  caller.svid !== null &&
  auth.kind === 'identity' &&
  auth.accepts.includes('agent-certificate')

/** The same, whose roles hold what the route needs nowhere. */
const isAgentAlone = (caller: Caller, route: Route): caller is BySvid =>
  isAgentToo(caller, route) &&
  route.auth.kind === 'identity' &&
  route.auth.permission !== null &&
  !caller.permissions.has(route.auth.permission as Permission)

/** The refusal, as one of this caller; of others as it is: an API key without a permission is an everyday mistake. */
function asKnown(error: unknown, caller: Caller): unknown {
  if (caller.kind !== 'principal' || typeof error !== 'object' || error === null) return error
  const agent = { tenant: caller.tenant || null, agent: null }
  return refusedAs(error, { agent, actor: `principal:${caller.id}`, type: 'access.refused' })
}

/**
 * The tenant and the agent that a call is about. In the path they are what the handler acts on, before what a body
 * says; where both name one and they differ, the call is about neither.
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
