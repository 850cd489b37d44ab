import type { Socket } from 'node:net'
import { Certificate, decodeBase64 } from '@lanyard/protocol'
import { codeOf, IdentityError } from '../errors.ts'
import type { PeerSocket } from '../mtls/carrier.ts'
import { relayedFor } from '../mtls/peer.ts'
import { openSocket } from '../workload-api/open-socket.ts'
import type { Place } from '../workload-api/options.ts'
import { parseAnswer, readLine } from './lines.ts'
import { GO, type JoinedLine, lineOf, type ProxyRequest } from './wire.ts'

const JOIN_TIMEOUT_MS = 15_000
const MAX_CHAIN = 10

/**
 * A connection to the proxy socket with the request said on it.
 *
 * @throws IdentityError `workload_api_unreachable`, `workload_api_untrusted`
 */
export async function askProxy({ endpoint, uids }: Place, request: ProxyRequest): Promise<Socket> {
  const socket = await openSocket(endpoint, uids)
  socket.on('error', () => {})
  socket.write(lineOf(request))
  return socket
}

/**
 * A connection that the daemon joins with a peer, judged before any byte of either side passes.
 *
 * @throws IdentityError what the daemon says, `workload_api_reply_invalid`, `workload_api_unavailable`, and what `judge` throws
 */
export async function join<Proof>(
  place: Place,
  request: ProxyRequest,
  judge: (socket: PeerSocket) => Proof,
  signal?: AbortSignal,
): Promise<{ readonly socket: PeerSocket; readonly proof: Proof }> {
  signal?.throwIfAborted()
  const plain = await askProxy(place, request)
  const onAbort = () => plain.destroy()
  signal?.addEventListener('abort', onAbort, { once: true })
  const cancel = place.time.after(JOIN_TIMEOUT_MS, () => plain.destroy(), { hold: true })
  try {
    const answer = parseAnswer<JoinedLine>(await readLine(plain), ['chain', 'alpn'])
    const socket = asPeerSocket(plain, answer)
    const proof = judge(socket)
    plain.write(`${GO}\n`)
    return { socket, proof }
  } catch (error) {
    plain.destroy()
    signal?.throwIfAborted()
    throw error
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Dresses the socket as servers and clients of HTTP expect one that TLS is spoken on. */
function asPeerSocket(socket: Socket, { chain, alpn, remoteAddress }: JoinedLine): PeerSocket {
  const told = {
    alpnProtocol: alpn ?? false,
    encrypted: true,
    authorized: true,
    remoteAddress: remoteAddress ?? undefined,
  }
  for (const [name, value] of Object.entries(told)) Object.defineProperty(socket, name, { value, configurable: true })
  relayedFor(socket as PeerSocket, certificatesFrom(chain))
  return socket as PeerSocket
}

function certificatesFrom(chain: readonly string[]): Certificate[] {
  try {
    if (chain.length === 0 || chain.length > MAX_CHAIN) throw new TypeError(`got ${chain.length} certificates`)
    return chain.map(text => Certificate.fromDer(decodeBase64(text)))
  } catch (cause) {
    throw new IdentityError('workload_api_reply_invalid', `expected the chain of the peer: ${codeOf(cause)}`, { cause })
  }
}
