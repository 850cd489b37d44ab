import { BoundedMap, Certificate, type Credential, readClientCert, type SubjectKind } from '@lanyard/protocol'
import type { Local } from '../mtls/local.ts'
import { type ProvedPeer, proveChain } from '../mtls/peer.ts'
import { hasEnded, type Peer, type Session, sessionOf, type Ward } from '../mtls/session.ts'
import { type Authorizer, authorize } from './authorizer.ts'
import type { Call } from './call.ts'

/** Callers of one proxy whose certificates are remembered. */
const MAX_KNOWN = 256

/** A call that a proxy has passed on. It ends alone; the connection goes on for the others. */
export class PassedOn implements Ward {
  readonly peer: Peer
  readonly credential: Credential
  readonly side = 'server'
  dead: SubjectKind | null = null
  lastAccept = 0
  /** It goes on without news. */
  bestEffort = false
  readonly #call: Call

  constructor({ peer, credential }: ProvedPeer, call: Call) {
    this.peer = peer
    this.credential = credential
    this.#call = call
  }

  end(): void {
    // HTTP/1.1 has nothing smaller than the connection, which carries this call alone at a time.
    if (this.#call.stream === null) this.#call.cut()
    else this.#call.stream.destroy()
  }

  endGuarded(): void {
    if (!this.bestEffort) this.end()
  }
}

/**
 * Whom proxies speak for (RFC 9440). Their headers are believed from those whom the authorizer accepts, each proved on
 * its own connection, and from nobody else.
 */
export class Proxies {
  readonly #local: Local
  readonly #via: Authorizer
  readonly #known = new WeakMap<Session, BoundedMap<string, ProvedPeer>>()

  constructor(local: Local, via: Authorizer) {
    this.#local = local
    this.#via = via
  }

  /**
   * Whom the call is of, where a proxy passes it on for somebody; null where the connection speaks for itself.
   *
   * @throws IdentityError `peer_untrusted`, `peer_certificate_ended`
   */
  speaker(session: Session, { headers }: Call): ProvedPeer | null {
    if (headers['client-cert'] === undefined || !this.#isProxy(session)) return null
    // Node joins lines of one name by commas: two leaves are none, two lines of a list are one list.
    const leaf = `${headers['client-cert']}`
    const chain = `${headers['client-cert-chain'] ?? ''}`
    const known = this.#known.get(session) ?? new BoundedMap<string, ProvedPeer>(MAX_KNOWN)
    this.#known.set(session, known)
    const name = `${leaf} ${chain}`
    const proved = known.get(name) ?? this.#prove(session, leaf, chain)
    known.set(name, proved)
    return proved
  }

  /** Whether the connection of this call may carry others of a proxy. */
  speaks({ carrier }: Call): boolean {
    const session = sessionOf(carrier)
    if (session === undefined || session.dead !== null) return false
    return !hasEnded(session.peer, this.#local.time.now()) && this.#isProxy(session)
  }

  #prove({ peer }: Session, leaf: string, chain: string): ProvedPeer {
    const read = () => readClientCert(leaf, [chain]).map(der => Certificate.fromDer(der))
    return proveChain(read, this.#local, 'clientAuth', peer.id)
  }

  #isProxy({ peer }: Session): boolean {
    try {
      authorize(this.#via, peer.id, this.#local.id)
      return true
    } catch {
      return false
    }
  }
}
