import type { TLSSocket } from 'node:tls'
import { type Authorizer, authorize } from '../guard/authorizer.ts'
import { clientContext } from './context.ts'
import { handshake } from './handshake.ts'
import type { Local } from './local.ts'
import { asksNode, provePeer } from './peer.ts'
import type { Session } from './session.ts'

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly authorizer: Authorizer
  readonly alpn: readonly string[]
  readonly signal?: AbortSignal | undefined
}

export interface Dialled {
  readonly socket: TLSSocket
  readonly session: Session
}

/**
 * A connection to a peer that proved itself and is allowed.
 *
 * @throws IdentityError `peer_unreachable`, `peer_untrusted`, `peer_certificate_ended`, `peer_not_allowed`,
 *   `session_resumed`, `identity_expired`, `identity_closed`
 */
export async function dial(local: Local, options: DialOptions): Promise<Dialled> {
  const svid = await local.usable()
  const { socket, proof } = await handshake({
    host: options.host,
    port: options.port,
    tls: {
      secureContext: clientContext(svid),
      rejectUnauthorized: asksNode(local.time),
      // The identity of an agent is its SPIFFE ID, judged below; its host name proves nothing.
      checkServerIdentity: () => undefined,
      ALPNProtocols: [...options.alpn],
    },
    judge: tls => {
      const peer = provePeer(tls, local, 'serverAuth')
      authorize(options.authorizer, peer.id, local.id)
      return peer
    },
    codes: { unreachable: 'peer_unreachable', untrusted: 'peer_untrusted' },
    signal: options.signal,
  })
  return { socket, session: local.sessions.add({ socket, peer: proof, side: 'client', own: svid.serial }) }
}
