import { IdentityError } from '../errors.ts'
import { type Peer, type Ward, wardOf } from '../mtls/session.ts'

/** Who calls: proved by mutual TLS, or vouched for by the proxy in `via`, and allowed by the server's authorizer. */
export type Caller = Peer

/**
 * The verified caller of a request. Takes what the handlers of the usual frameworks are given: the request of
 * `node:https`, `node:http2`, Express and `ws`, the request of Fastify, the context of Hono (on `@hono/node-server`), a
 * stream of `node:http2`, or the socket. It looks at the connection alone, never at what a client could have sent.
 *
 * @throws IdentityError `caller_unknown` when the request did not come through a server of an Identity
 */
export function caller(request: object): Caller {
  const ward = carriers(request)
    .map(wardOf)
    .find((found): found is Ward => found?.side === 'server')
  if (ward) return ward.peer
  throw new IdentityError('caller_unknown', 'expected a request on a connection that an Identity verified')
}

/** The objects by which the connection of `request` may be known. */
function carriers(request: object): unknown[] {
  const incoming = incomingOf(request)
  // What was passed on comes before the connection that it was passed on over.
  const calls = [request, incoming, member(request, 'stream'), member(incoming, 'stream')]
  return [...calls, ...socketsOf(request), ...(incoming === null ? [] : socketsOf(incoming))]
}

/** What lies under the request of a framework: `raw` in Fastify, the bindings of a context in Hono. */
function incomingOf(request: object): object | null {
  const env = member(request, 'env')
  const candidates = [member(request, 'raw'), member(env, 'incoming'), member(member(env, 'server'), 'incoming')]
  return candidates.find((value): value is object => typeof value === 'object' && value !== null) ?? null
}

/** HTTP/2 first: its requests have a `socket` too, which stands for the session and refuses to be read once it is gone. */
function socketsOf(incoming: object): unknown[] {
  const session = member(incoming, 'session') ?? member(member(incoming, 'stream'), 'session')
  return session === undefined ? [member(incoming, 'socket')] : [session]
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
