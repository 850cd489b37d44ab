import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { encodeBase64, SpiffeId } from '@lanyard/protocol'
import { dangerouslyAny } from '@lanyard/sdk'
import { codeOf, IdentityError } from '@lanyard/sdk/authority'
import { chainOf, GO, lineOf, type ProxyRequest, readLine } from '@lanyard/sdk/proxy'
import type { HeldProcess, Time, Workloads } from '../ports.ts'
import type { Agent, Agents, Peer } from './agent.ts'
import { HeldIdentity } from './held-identity.ts'
import { requireOpenPort } from './network.ts'
import { relay } from './relay.ts'
import { refused } from './request.ts'

/** Somebody asks, on a connection of theirs. */
export interface Asking {
  readonly socket: Socket
  readonly process: HeldProcess
  readonly agents: Agents
  readonly workloads: Workloads
  readonly authority: string | null
  readonly time: Time
}

type Request<Kind extends ProxyRequest['do']> = Extract<ProxyRequest, { readonly do: Kind }>

/** How long an agent may take to judge a peer. */
const JUDGE_MS = 10_000
/** Strangers on the network may connect, and say nothing: how long, and how many to one server. */
const HANDSHAKE_MS = 10_000
const MOST_PEERS = 1_024

/** Tells of an identity for as long as the connection lasts; with it end the connections that were made by it. */
export function answerIdentity(
  { socket, process, agents, workloads, authority }: Asking,
  { id, hint }: Request<'identity'>,
): void {
  const agent = agents.of(process, socket)
  agent.requireRoom()
  const held = new HeldIdentity({
    ...{ workloads, process, authority, choice: { id, hint } },
    tell: line => socket.write(lineOf(line)),
    ended: () => agents.end(agent),
  })
  agent.add(held)
  socket.once('close', () => {
    agent.remove(held)
    void held.close()
  })
  // Whoever says more is not one of ours; and the end is heard only by whoever reads.
  socket.on('data', () => socket.destroy())
}

/**
 * Connects to a peer, and joins the two once the agent has judged who that is.
 *
 * @throws IdentityError as {@link Identity.connect}
 */
export async function answerConnect(asking: Asking, { id, host, port, alpn }: Request<'connect'>): Promise<void> {
  const { socket, process, agents } = asking
  const agent = agents.find(process, socket)
  await requireStill(asking, id)
  const gone = new AbortController()
  socket.once('close', () => gone.abort(new IdentityError('peer_unreachable', 'the agent has closed the connection')))
  const { identity } = agent.identityOf(id)
  // The agent judges which of those who prove themselves it talks to.
  const peer = dangerouslyAny()
  const tls = (await identity.connect({ host, port, alpn, peer, signal: gone.signal })) as TLSSocket
  await joinWith(asking, tls)
}

/**
 * Listens, and tells the agent of each peer that has proved itself.
 *
 * @throws IdentityError `workload_api_refused`, `no_identity`
 */
export async function answerListen(asking: Asking, { id, host, port, alpn }: Request<'listen'>): Promise<void> {
  const { socket, process, agents } = asking
  requireOpenPort(port)
  const agent = agents.find(process, socket)
  await requireStill(asking, id)
  const held = agent.identityOf(id)
  const { identity } = held
  const options = { ...identity.serverOptions(), ALPNProtocols: [...alpn], handshakeTimeout: HANDSHAKE_MS }
  const server = identity.protect(createServer(options), { allow: dangerouslyAny() })
  server.maxConnections = MOST_PEERS
  server.on('secureConnection', tls => announce(agent, socket, { id, tls }))
  server.on('tlsClientError', () => {})
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    // So that it is told of no more certificates.
    server.close(() => {})
    throw refused(`cannot listen on ${host}:${port}: ${codeOf(cause)}`)
  }
  // Such as too many open files, at a connection that comes: the daemon goes on.
  server.on('error', () => {})
  const bound = (server.address() as AddressInfo).port
  socket.once('close', () => server.close())
  held.onClose(() => socket.destroy())
  if (socket.destroyed) server.close()
  socket.write(lineOf({ listening: { host, port: bound } }))
  socket.on('data', () => socket.destroy())
}

function announce(agent: Agent, socket: Socket, peer: Peer): void {
  const ticket = agent.wait(peer)
  if (ticket === null) peer.tls.destroy()
  else socket.write(lineOf({ ticket }))
}

/**
 * Joins the agent with a peer that it was told of.
 *
 * @throws IdentityError `peer_unreachable` where the peer has gone
 */
export async function answerAccept(asking: Asking, { ticket }: Request<'accept'>): Promise<void> {
  const { socket, process, agents } = asking
  const agent = agents.find(process, socket)
  const peer = agent.take(ticket)
  if (peer === null) throw new IdentityError('peer_unreachable', 'the peer has gone')
  try {
    await requireStill(asking, peer.id)
  } catch (error) {
    peer.tls.destroy()
    throw error
  }
  await joinWith(asking, peer.tls)
}

/**
 * That the process may have this identity at this moment: it may have executed another program since it asked for it, and
 * have kept its connections over that.
 *
 * @throws LanyardError as {@link Workloads.bundlesFor}
 */
async function requireStill({ process, workloads }: Asking, id: string): Promise<void> {
  await workloads.bundlesFor(process, SpiffeId.parse(id))
}

/** Tells who the peer is, and passes bytes once the agent says so. */
async function joinWith({ socket, process, time }: Asking, tls: TLSSocket): Promise<void> {
  tls.on('error', () => {})
  const cancel = time.after(JUDGE_MS, () => socket.destroy())
  const endTls = () => tls.destroy()
  const endAgent = () => socket.destroy()
  socket.once('close', endTls)
  tls.once('close', endAgent)
  try {
    const chain = chainOf(tls).map(({ der }) => encodeBase64(der))
    const { alpnProtocol, remoteAddress = null } = tls
    socket.write(lineOf({ chain, alpn: alpnProtocol || null, remoteAddress }))
    if ((await readLine(socket, GO.length)) !== GO) throw refused('expected the word to go on')
    // A secret is about to be used for it.
    if (!process.isAlive()) throw refused('the process has ended')
    socket.off('close', endTls)
    tls.off('close', endAgent)
    relay(socket, tls)
  } catch (error) {
    tls.destroy()
    throw error
  } finally {
    cancel()
  }
}
