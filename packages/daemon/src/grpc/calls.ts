import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect'
import type { UniversalHandler } from '@connectrpc/connect/protocol'
import type { HeldProcess, Log, Meter } from '../ports.ts'
import { Quota } from '../sockets/quota.ts'
import { CALLER } from './caller.ts'
import { requestOf, respond, respondWithHttp, respondWithStatus } from './exchange.ts'
import type { GrpcLimits } from './limits.ts'
import { deniedError, publicError } from './refusal.ts'
import { counted } from './unread.ts'

export interface CallsOptions {
  readonly routes: (router: ConnectRouter) => void
  readonly log: Log
  readonly meter: Meter
  readonly limits: GrpcLimits
}

/** What a call is to its connection. */
export interface Call {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly caller: HeldProcess
  /** Aborted when the caller gives up or ends. */
  readonly signal: AbortSignal
}

/** `+json` is left out: nobody needs a second way to be parsed. */
const GRPC = /^application\/grpc(?:\+proto)?(?:$|[ ;])/i

/** Answers calls of gRPC, and of gRPC alone, by the services of `routes`. */
export class Calls {
  readonly #handlers: ReadonlyMap<string, UniversalHandler>
  readonly #log: Log
  readonly #meter: Meter
  readonly #unread: Quota

  constructor({ routes, log, meter, limits }: CallsOptions) {
    const router = createConnectRouter({
      grpc: true,
      grpcWeb: false,
      connect: false,
      // No compression: a kilobyte could unpack to all that memory holds, and nothing here is long.
      acceptCompression: [],
      readMaxBytes: limits.requestBytes,
      interceptors: [refusals(log)],
    })
    routes(router)
    this.#handlers = new Map(router.handlers.map(handler => [handler.requestPath, handler]))
    this.#log = log
    this.#meter = meter
    this.#unread = new Quota(limits.unreadBytes, limits.unreadBytesPerUid)
  }

  /** Whether this call has a single request, which must be here soon. */
  hasOneRequest(headers: IncomingHttpHeaders): boolean {
    const kind = this.#handlers.get(headers[':path'] ?? '')?.method.methodKind
    return kind !== 'bidi_streaming' && kind !== 'client_streaming'
  }

  /** Answers one call; never throws. */
  async answer(call: Call): Promise<void> {
    const handler = this.#handlers.get(call.headers[':path'] ?? '')
    const code = await this.#answer(call, handler)
    if (code === null) return
    // The path is the caller's own text: a label of its own for each would fill the memory.
    const rpc = handler ? `${handler.service.typeName}/${handler.method.name}` : 'unknown'
    this.#meter.count('calls', { rpc, code: code === 0 ? 'ok' : nameOf(code) })
  }

  async #answer(call: Call, handler: UniversalHandler | undefined): Promise<Code | 0 | null> {
    try {
      return await this.#dispatch(call, handler)
    } catch (error) {
      // Who has gone needs no answer, and what came of that is no fault.
      if (call.signal.aborted || call.stream.destroyed) return Code.Canceled
      this.#log.error({ err: error, rpc: handler?.method.name }, 'a call broke')
      call.stream.close()
      return Code.Internal
    }
  }

  async #dispatch(call: Call, handler: UniversalHandler | undefined): Promise<Code | 0 | null> {
    const { stream, headers, caller, signal } = call
    if (!GRPC.test(headers['content-type'] ?? '')) return http(stream, 415)
    if (headers[':method'] !== 'POST') return http(stream, 405)
    if (!handler) return status(stream, new ConnectError('there is no such method', Code.Unimplemented))
    if (!caller.isAlive()) return status(stream, deniedError('workload_gone', 'the process that connected has ended'))
    const values = createContextValues().set(CALLER, caller)
    // A reader that stops half-way must not take the reply with it.
    const body = counted(stream.iterator({ destroyOnReturn: false }), this.#unread, caller.uid)
    return respond(stream, await handler(requestOf(headers, body, signal, values)))
  }
}

function http(stream: ServerHttp2Stream, code: number): null {
  respondWithHttp(stream, code)
  return null
}

function status(stream: ServerHttp2Stream, { code, rawMessage }: ConnectError): Code {
  respondWithStatus(stream, code, rawMessage)
  return code
}

/** `PermissionDenied` as `permission_denied`. */
const nameOf = (code: Code): string => (Code[code] ?? 'unknown').replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase()

/** Turns whatever a service throws into what the caller may know; faults of ours go to the log. */
function refusals(log: Log): Interceptor {
  return next => async request => {
    const told = (reason: unknown): ConnectError => {
      const error = publicError(reason)
      if (error !== null) return error
      // Who has gone leaves calls that break in many ways.
      if (request.signal.aborted) return new ConnectError('given up', Code.Canceled)
      log.error({ err: reason, rpc: request.method.name }, 'a call could not be answered')
      return new ConnectError('internal_error: the cause is in the log of the daemon', Code.Internal)
    }
    try {
      const response = await next(request)
      return response.stream ? { ...response, message: telling(response.message, told) } : response
    } catch (error) {
      throw told(error)
    }
  }
}

async function* telling<T>(messages: AsyncIterable<T>, told: (reason: unknown) => ConnectError): AsyncGenerator<T> {
  try {
    yield* messages
  } catch (error) {
    throw told(error)
  }
}
