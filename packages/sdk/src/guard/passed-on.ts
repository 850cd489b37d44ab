import { Certificate, type Credential, decodeBase64, type SubjectKind } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'
import type { Local } from '../mtls/local.ts'
import { type ProvedPeer, proveChain } from '../mtls/peer.ts'
import { hasEnded, type Peer, type Session, sessionOf, type Ward } from '../mtls/session.ts'
import { type Authorizer, authorize } from './authorizer.ts'
import type { Call } from './call.ts'

/** Certificates that are passed on at most, the leaf beside. */
const MAX_CHAIN = 10
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
 * Whom proxies speak for (RFC 9440). Their headers are believed from those whom the authorizer accepts, each proved on its
 * own connection, and from nobody else.
 */
export class Proxies {
  readonly #local: Local
  readonly #via: Authorizer
  readonly #known = new WeakMap<Session, Map<string, ProvedPeer>>()

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
    const leaf = headers['client-cert']
    if (leaf === undefined || !this.#isProxy(session)) return null
    const chain = headers['client-cert-chain'] ?? ''
    const known = this.#known.get(session) ?? new Map<string, ProvedPeer>()
    this.#known.set(session, known)
    const name = `${leaf} ${chain}`
    const proved = known.get(name) ?? this.#prove(session, [leaf, ...itemsOf(`${chain}`)])
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(name, proved)
    return proved
  }

  /** Whether the connection of this call may carry others of a proxy. */
  speaks({ carrier }: Call): boolean {
    const session = sessionOf(carrier)
    if (session === undefined || session.dead !== null) return false
    return !hasEnded(session.peer, this.#local.time.now()) && this.#isProxy(session)
  }

  #prove({ peer }: Session, items: readonly unknown[]): ProvedPeer {
    return proveChain(() => items.map(certificateOf), this.#local, 'clientAuth', peer.id)
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

function itemsOf(list: string): string[] {
  const items = list === '' ? [] : list.split(',').map(item => item.trim())
  if (items.length > MAX_CHAIN) throw new IdentityError('peer_untrusted', `expected at most ${MAX_CHAIN} certificates`)
  return items
}

/** RFC 8941, 3.3.5. */
function certificateOf(item: unknown): Certificate {
  const [, base64] = /^:([A-Za-z0-9+/=]{1,32768}):$/.exec(String(item)) ?? []
  if (base64 === undefined) throw new IdentityError('peer_untrusted', 'expected a certificate as a byte sequence')
  return Certificate.fromDer(decodeBase64(base64))
}
