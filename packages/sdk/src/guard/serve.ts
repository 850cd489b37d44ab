import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions,
  type ServerHttp2Session,
} from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { TlsOptions } from 'node:tls'

/** What `serve` makes. */
export type AnyServer = Server | Http2SecureServer

/** A handler as `node:http` has it; an Express app is one. With `http2` it gets the compatible requests of `node:http2`. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** How a server speaks. */
export interface ServerChoice {
  /** Speaks HTTP/2 too. Not for Express, whose requests are those of HTTP/1.1. */
  readonly http2?: boolean
  /** Told of what a handler throws, once the request was answered with 500; `process.emitWarning` when absent. */
  readonly onError?: (error: unknown, request: IncomingMessage) => void
}

/** A server with a handler that cannot end the process. */
export function makeServer(options: TlsOptions, choice: ServerChoice, handler: Handler): AnyServer {
  const listener = contained(handler, choice.onError ?? warn)
  if (!choice.http2) return createServer(options, listener)
  // The plain servers of Node send at once by themselves, this one waits for acknowledgements.
  return createSecureServer(
    { ...options, allowHTTP1: true, noDelay: true } as SecureServerOptions,
    (request, response) => listener(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  )
}

function contained(handler: Handler, onError: (error: unknown, request: IncomingMessage) => void): Handler {
  return async (request, response) => {
    try {
      await handler(request, response)
    } catch (error) {
      broken(response)
      onError(error, request)
    }
  }
}

/** Says nothing of what broke: that is for the log of the service, not for its callers. */
function broken(response: ServerResponse): void {
  if (response.headersSent) return void response.destroy()
  const body = JSON.stringify({
    type: 'about:blank',
    title: 'Something broke on our side',
    status: 500,
    code: 'internal_error',
  })
  response.writeHead(500, { 'content-type': 'application/problem+json' })
  response.end(body)
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error('a handler threw something that is not an Error'))
}

/** A server that listens. */
export interface Serving<S extends AnyServer = Server> {
  readonly server: S
  /** Where it listens, as it was told. */
  readonly host: string
  /** The one that the system chose where none was given. */
  readonly port: number
  /** `https://host:port`. */
  readonly url: string
  /** Takes no more connections, and waits for the requests under way. */
  close(): Promise<void>
}

export async function listen<S extends AnyServer>(server: S, host: string, port: number): Promise<Serving<S>> {
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port
  return {
    server,
    host,
    port: bound,
    url: urlOf({ host, port: bound }),
    close: () =>
      new Promise((resolve, reject) => {
        if (!server.listening) return resolve()
        server.close(error => (error ? reject(error) : resolve()))
        if ('closeIdleConnections' in server) server.closeIdleConnections()
        for (const session of sessions) session.close()
      }),
  }
}

/** Addresses that stand for every one of a machine. */
const EVERY: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

/** Where others find it. */
export function announcedUrl({ host, port }: Pick<Serving, 'host' | 'port'>): string {
  return urlOf({ host: EVERY.has(host) ? hostname() : host, port })
}

export const urlOf = ({ host, port }: Pick<Serving, 'host' | 'port'>) =>
  `https://${host.includes(':') ? `[${host}]` : host}:${port}`
