import { createServer, type Socket } from 'node:net'
import { asIdentityError } from '@lanyard/sdk/authority'
import { lineOf, proxyPathOf, readLine } from '@lanyard/sdk/proxy'
import { processOfSocket } from '../peer/index.ts'
import type { HeldProcess, Log, Time, Workloads } from '../ports.ts'
import { affordable } from '../sockets/descriptors.ts'
import { requireFolder } from '../sockets/endpoint.ts'
import { LONGEST_PATH, listenPrivately } from '../sockets/listen.ts'
import { Quota } from '../sockets/quota.ts'
import { Agents } from './agent.ts'
import { type Asking, answerAccept, answerConnect, answerIdentity, answerListen } from './answers.ts'
import { errorFrom } from './errors.ts'
import { requireOwnNetwork } from './network.ts'
import { MAX_REQUEST_BYTES, parseRequest, refused } from './request.ts'

export interface ProxyOptions {
  /** Path of the Unix socket. */
  readonly path: string
  readonly workloads: Workloads
  /** URL of the authority; null: nothing is heard of kills. */
  readonly authority: string | null
  readonly log: Log
  readonly time: Time
  /** Who is at the other end of a connection; asks the kernel when absent. */
  readonly processOf?: (socket: Socket) => HeldProcess
}

export interface ProxyServer {
  readonly path: string
  /** Ends all connections and takes the socket away. */
  close(): Promise<void>
}

/** Each relayed connection is one here; the share of one user is never all there is. */
const MOST = { connections: 4_096, connectionsPerUid: 2_048 }
/** How long somebody may take to say what a connection is for. */
const REQUEST_MS = 5_000

/**
 * Serves them beside the Workload API at `workloadApi`; null where the path of that is too long for a name beside it.
 *
 * @throws LanyardError as {@link serveProxy}
 */
export async function serveProxyBeside(
  workloadApi: string,
  options: Omit<ProxyOptions, 'path'>,
): Promise<ProxyServer | null> {
  const path = proxyPathOf(workloadApi)
  if (Buffer.byteLength(path) <= LONGEST_PATH) return await serveProxy({ path, ...options })
  options.log.warn({ path }, `keys stay with agents: a socket has at most ${LONGEST_PATH} bytes in its path`)
  return null
}

/**
 * Serves agents that leave their keys with the daemon: it speaks mutual TLS for them, and joins them with peers that have
 * proved themselves. Every local user may open the socket; who asks is attested as at the Workload API.
 *
 * @throws LanyardError `socket_unusable`, `permissions_too_wide`
 */
export async function serveProxy(options: ProxyOptions): Promise<ProxyServer> {
  const { path, log } = options
  const open = new Set<Socket>()
  const { connections, connectionsPerUid } = affordable(MOST)
  const quota = new Quota(connections, connectionsPerUid)
  const agents = new Agents(options.time)
  const server = createServer({ pauseOnConnect: false }, socket => {
    socket.on('error', () => {})
    const caller = admitted(socket, options, quota)
    if (caller === null) return
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    void answer(socket, caller, agents, options)
  })
  server.on('error', error => log.error({ err: error }, 'the proxy socket broke'))
  requireFolder(path)
  await listenPrivately(server, path, 0o777)
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    })
  return { path, close }
}

/** Who connects, asked of the kernel before a byte is read; null: nobody who may. */
function admitted(
  socket: Socket,
  { processOf = processOfSocket, log }: ProxyOptions,
  quota: Quota,
): HeldProcess | null {
  let caller: HeldProcess | null = null
  try {
    caller = processOf(socket)
    const putBack = quota.take(caller.uid)
    if (putBack === null) throw refused('too many connections')
    const held = caller
    socket.once('close', () => {
      putBack()
      held.release()
    })
    return caller
  } catch (error) {
    caller?.release()
    log.debug({ code: asIdentityError(error).code }, 'a connection to the proxy was refused')
    socket.destroy()
    return null
  }
}

async function answer(socket: Socket, process: HeldProcess, agents: Agents, options: ProxyOptions): Promise<void> {
  const cancel = options.time.after(REQUEST_MS, () => socket.destroy())
  try {
    const request = parseRequest(await readLine(socket, MAX_REQUEST_BYTES))
    cancel()
    requireOwnNetwork(process)
    const asking: Asking = { socket, process, agents, ...options }
    switch (request.do) {
      case 'identity':
        return answerIdentity(asking, request)
      case 'connect':
        return await answerConnect(asking, request)
      case 'listen':
        return await answerListen(asking, request)
      case 'accept':
        return await answerAccept(asking, request)
    }
  } catch (error) {
    if (!socket.destroyed) socket.end(lineOf({ error: errorFrom(error) }))
  } finally {
    cancel()
  }
}
