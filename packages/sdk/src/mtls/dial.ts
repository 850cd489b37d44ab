import { IdentityError } from '../errors.ts'
import { type Authorizer, authorize } from '../guard/authorizer.ts'
import type { PeerSocket } from './carrier.ts'
import type { Local } from './local.ts'
import { provePeer } from './peer.ts'
import { peerDead, type Session } from './session.ts'

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly authorizer: Authorizer
  readonly alpn: readonly string[]
  readonly signal?: AbortSignal | undefined
}

export interface Dialled {
  readonly socket: PeerSocket
  readonly session: Session
}

/**
 * A connection to a peer that proved itself and is allowed.
 *
 * @throws IdentityError `peer_unreachable`, `peer_untrusted`, `peer_certificate_ended`, `peer_not_allowed`,
 *   `peer_dead`, `session_resumed`, `identity_expired`, `identity_closed`, `identity_dead`, `liveness_stale`
 */
export async function dial(local: Local, options: DialOptions): Promise<Dialled> {
  await local.guard.ready()
  const svid = await local.usable()
  const { socket, proof } = await local.carrier.dial(svid, {
    ...options,
    judge: tls => {
      const proved = provePeer(tls, local, 'serverAuth')
      authorize(options.authorizer, proved.peer.id, local.id)
      return proved
    },
  })
  const session = local.sessions.add({ socket, ...proof, side: 'client', own: svid.serial })
  try {
    await stillReady(local, session)
    return { socket, session }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** A peer decides how long a handshake takes: meanwhile news can grow old, and identities die on both sides. */
async function stillReady({ guard }: Local, session: Session): Promise<void> {
  await guard.ready()
  if (session.dead !== null) throw peerDead(session)
  if (session.socket.destroyed) throw new IdentityError('peer_unreachable', `${session.peer.id} closed the connection`)
}
