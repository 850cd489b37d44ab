import { createServer, type Server, type Socket } from 'node:net'
import { Code, type ConnectRouter } from '@connectrpc/connect'
import { LanyardError } from '@lanyard/api'
import { peerUser } from '../peer/index.ts'
import type { HeldProcess, Log, Meter, Time } from '../ports.ts'
import { affordable } from '../sockets/descriptors.ts'
import { requireFolder, socketPathOf } from '../sockets/endpoint.ts'
import { listenPrivately } from '../sockets/listen.ts'
import { Quota } from '../sockets/quota.ts'
import { Rate } from '../sockets/rate.ts'
import { Calls } from './calls.ts'
import { Connection, type ConnectionParts } from './connection.ts'
import { BURST, GRPC_LIMITS, type GrpcLimits } from './limits.ts'
import { grpcError } from './refusal.ts'

export interface GrpcOptions {
  /** `unix:///PATH`, or an absolute path. */
  readonly path: string
  readonly routes: (router: ConnectRouter) => void
  /** Who is at the other end of a connection; throws `workload_gone`, `attestation_failed`. */
  readonly processOf: (socket: Socket) => HeldProcess
  readonly log: Log
  readonly meter: Meter
  readonly time: Time
  readonly limits?: Partial<GrpcLimits>
}

export interface GrpcServer {
  /** Path of the socket. */
  readonly path: string
  /** Ends all calls with Unavailable and takes the socket away. */
  close(): Promise<void>
}

/**
 * Serves gRPC on a Unix socket that every local user may open: who calls is asked of the kernel when the connection comes,
 * before a byte of it is read.
 *
 * @throws LanyardError `socket_unusable`, `permissions_too_wide`, `config_invalid` for a TCP address
 */
export async function serveGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { log, meter, time } = options
  const path = socketPathOf(options.path)
  const wanted = { ...GRPC_LIMITS, ...options.limits }
  const limits = { ...wanted, ...affordable(wanted) }
  if (limits.connections < wanted.connections)
    log.info({ connections: limits.connections }, 'few files may be open (ulimit -n), and so few connections')
  const parts: ConnectionParts = {
    calls: new Calls({ routes: options.routes, log, meter, limits }),
    quota: new Quota(Number.POSITIVE_INFINITY, limits.callsPerUid),
    limits,
    time,
  }
  const admission = new Admission(options, limits, parts)
  const server = createServer(socket => admission.admit(socket))
  server.on('error', error => log.error({ err: error }, 'the socket of the Workload API broke'))
  requireFolder(path)
  // Who may ask is decided by attestation, not by the mode of the socket.
  await listenPrivately(server, path, 0o777)
  meter.gauge('connections', () => admission.open)
  return { path, close: () => close(server, admission) }
}

/** Lets connections in. */
class Admission {
  readonly #options: GrpcOptions
  readonly #parts: ConnectionParts
  readonly #quota: Quota
  readonly #rate: Rate
  readonly #connections = new Set<Connection>()

  constructor(options: GrpcOptions, limits: GrpcLimits, parts: ConnectionParts) {
    this.#options = options
    this.#parts = parts
    this.#quota = new Quota(limits.connections, limits.connectionsPerUid)
    this.#rate = new Rate(limits.connectionsPerSec, limits.connectionsPerSec * BURST)
  }

  get open(): number {
    return this.#quota.open
  }

  admit(socket: Socket): void {
    socket.on('error', () => {})
    const caller = this.#callerOf(socket)
    if (caller === null) return
    const putBack = this.#quota.take(caller.uid)
    if (putBack === null) {
      caller.release()
      this.#refuse(socket, 'too_many')
      return
    }
    const connection = new Connection(socket, caller, this.#parts, () => {
      this.#connections.delete(connection)
      putBack()
      caller.release()
    })
    this.#connections.add(connection)
  }

  endAll(reason: Error): void {
    for (const connection of this.#connections) connection.end(reason)
  }

  #callerOf(socket: Socket): HeldProcess | null {
    try {
      if (this.#isOften(socket)) {
        this.#refuse(socket, 'too_often')
        return null
      }
      return this.#options.processOf(socket)
    } catch (error) {
      const code = error instanceof LanyardError ? error.code : 'internal_error'
      if (code === 'internal_error') this.#options.log.error({ err: error }, 'a caller could not be identified')
      this.#refuse(socket, code)
      return null
    }
  }

  /** Who connects without end fills the queue in which all others wait: each of theirs must cost next to nothing. */
  #isOften(socket: Socket): boolean {
    const user = peerUser(socket)
    return user !== null && !this.#rate.take(user, this.#parts.time.monotonic())
  }

  #refuse(socket: Socket, reason: string): void {
    this.#options.meter.count('connections_refused', { reason })
    this.#options.log.debug({ reason }, 'refused a connection')
    socket.destroy()
  }
}

async function close(server: Server, admission: Admission): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  admission.endAll(grpcError(Code.Unavailable, 'not_ready', 'the daemon stops'))
  await closed
}
