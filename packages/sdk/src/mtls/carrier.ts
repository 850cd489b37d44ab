import type { Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { type AnyServer, listen, type Serving } from '../guard/serve.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'
import { clientContext, contextOptions } from './context.ts'
import { handshake } from './handshake.ts'
import { asksNode, type ProvedPeer } from './peer.ts'

/**
 * A connection to a peer that is proved and allowed. With keys of one's own it is a TLSSocket; where the daemon holds the
 * keys TLS is spoken there, and this is its plain side.
 */
export type PeerSocket = Socket & Pick<TLSSocket, 'alpnProtocol'>

export interface CarrierDial {
  readonly host: string
  readonly port: number
  readonly alpn: readonly string[]
  /** Judges the peer before anything is sent; what it throws ends the connection. */
  readonly judge: (socket: PeerSocket) => ProvedPeer
  readonly signal?: AbortSignal | undefined
}

export interface CarrierListen {
  readonly host: string
  readonly port: number
  /** Protocols by ALPN, the preferred one first. */
  readonly alpn: readonly string[]
}

/** How connections come about: by keys in this process, or by those that a daemon holds. */
export interface Carrier {
  /** @throws IdentityError `peer_unreachable`, `peer_untrusted`, and what `judge` throws */
  dial(svid: Svid, options: CarrierDial): Promise<{ readonly socket: PeerSocket; readonly proof: ProvedPeer }>
  /** Lets a server hear of connections; whoever stands in it judges them. */
  listen<S extends AnyServer>(server: S, options: CarrierListen): Promise<Serving<S>>
  /** What a TLS server is made with; null: the keys are elsewhere. */
  serverOptions(svid: Svid): TlsOptions | null
}

/** By keys in this process. */
export function ownKeys(time: TimeSource): Carrier {
  return {
    dial: (svid, { host, port, alpn, judge, signal }) =>
      handshake({
        host,
        port,
        tls: {
          secureContext: clientContext(svid),
          rejectUnauthorized: asksNode(time),
          // The identity of an agent is its SPIFFE ID, judged below; its host name proves nothing.
          checkServerIdentity: () => undefined,
          ALPNProtocols: [...alpn],
        },
        judge,
        codes: { unreachable: 'peer_unreachable', untrusted: 'peer_untrusted', ended: 'peer_certificate_ended' },
        signal,
      }),
    listen: (server, { host, port }) => listen(server, host, port),
    serverOptions: svid => ({ ...contextOptions(svid), requestCert: true, rejectUnauthorized: asksNode(time) }),
  }
}
