import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { codeOf, IdentityError, type SdkCode } from '../errors.ts'

/** How long a connection may take until it is verified. */
export const CONNECT_TIMEOUT_MS = 10_000
/** A process that stood still has heard nothing meanwhile, whatever the peer said: at most so much of it counts. */
const STEP_MS = 1_000

export interface HandshakeOptions<Proof> {
  readonly host: string
  readonly port: number
  readonly tls: Pick<
    ConnectionOptions,
    'secureContext' | 'rejectUnauthorized' | 'checkServerIdentity' | 'ALPNProtocols'
  >
  /** Judges the peer once the handshake is done and before anything is sent; what it throws ends the connection. */
  readonly judge: (socket: TLSSocket) => Proof
  /** Codes for a peer that cannot be reached, and for one whose certificate Node refuses. */
  readonly codes: { readonly unreachable: SdkCode; readonly untrusted: SdkCode; readonly ended: SdkCode }
  readonly signal?: AbortSignal | undefined
}

/** A TLS connection that was judged; nothing was sent on it yet. */
export interface Handshake<Proof> {
  readonly socket: TLSSocket
  readonly proof: Proof
}

/** Opens a TLS connection and has it judged. */
export function handshake<Proof>(options: HandshakeOptions<Proof>): Promise<Handshake<Proof>> {
  const { host, port, codes, signal } = options
  if (signal?.aborted) return Promise.reject(signal.reason)
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options.tls, host, port, ...(isIP(host) ? {} : { servername: host }) })
    const cancel = afterRunning(CONNECT_TIMEOUT_MS, () =>
      fail(new IdentityError(codes.unreachable, `expected ${where} to answer within ${CONNECT_TIMEOUT_MS} ms`)),
    )
    const settle = () => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      settle()
      socket.destroy()
      reject(error)
    }
    const onAbort = () => fail(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    // Stays for the life of the socket: an error without a listener would end the process.
    socket.on('error', cause => fail(connectionError(socket, where, codes, cause)))
    socket.once('close', () => fail(new IdentityError(codes.unreachable, `${where} closed the connection`)))
    socket.setNoDelay(true)
    socket.once('secureConnect', () => {
      try {
        const proof = options.judge(socket)
        settle()
        resolve({ socket, proof })
      } catch (error) {
        fail(error)
      }
    })
  })
}

function connectionError(
  socket: TLSSocket,
  where: string,
  codes: HandshakeOptions<unknown>['codes'],
  cause: Error,
): IdentityError {
  if (socket.authorizationError) {
    const code = hasJustEnded(socket) ? codes.ended : codes.untrusted
    return new IdentityError(code, `the certificate of ${where} does not hold: ${codeOf(cause)}`, { cause })
  }
  return new IdentityError(codes.unreachable, `cannot connect to ${where}: ${codeOf(cause)}`, { cause })
}

/** Whether all that Node holds against a certificate is that it has ended. */
export function hasJustEnded({ authorizationError }: TLSSocket): boolean {
  return `${authorizationError}` === 'CERT_HAS_EXPIRED'
}

/** Calls back once this process has run for `ms`; the function returned cancels that. */
function afterRunning(ms: number, callback: () => void): () => void {
  let left = ms
  let timer: NodeJS.Timeout
  const step = () => {
    const next = Math.min(left, STEP_MS)
    left -= next
    timer = setTimeout(() => (left > 0 ? step() : callback()), next)
  }
  step()
  return () => clearTimeout(timer)
}
