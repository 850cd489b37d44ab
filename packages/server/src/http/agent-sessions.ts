import type { Streaming } from '@lanyard/api'
import type { Caller, CertificateCaller } from '@lanyard/authority'
import type { Credential, Subject } from '@lanyard/protocol'
import type { Connection } from './connection.ts'
import type { Feed } from './ports.ts'

/** What goes on by one credential, and what ends it. */
interface Session {
  readonly credential: Credential
  readonly cut: () => void
  ended?: true
}

/**
 * What agents have going by their certificates, by what could end it: their connections, and the replies without end on
 * the connection of a proxy. A death ends them with all that goes on there, such as a feed. Agent tokens have no
 * connection of their own: one may carry those of several agents, and each request asks anew.
 */
export class AgentSessions {
  readonly #feed: Feed
  readonly #cut: (connection: Connection) => void
  readonly #bySubject = new Map<Subject, Set<Session>>()
  readonly #begun = new WeakSet<Connection>()

  constructor(feed: Feed, cut: (connection: Connection) => void) {
    this.#feed = feed
    this.#cut = cut
    feed.onDeaths(died => {
      for (const subject of died) for (const session of this.#bySubject.get(subject) ?? []) this.#judge(session)
    })
  }

  /** A request on this connection has authenticated by its certificate. */
  begin(connection: Connection, caller: CertificateCaller): void {
    if (this.#begun.has(connection) || connection.raw.destroyed) return
    this.#begun.add(connection)
    const end = this.#watch({ credential: credentialOf(caller), cut: () => this.#cut(connection) })
    connection.raw.once('close', end)
  }

  /** The same lines; they end when the caller dies, and the connection goes on. */
  whileAlive(streaming: Streaming, caller: Caller): Streaming {
    if (caller.kind !== 'agent-certificate') return streaming
    const credential = credentialOf(caller)
    return sink => {
      const stop = streaming(sink)
      const end = this.#watch({ credential, cut: () => sink.end() })
      return () => {
        end()
        stop()
      }
    }
  }

  /** Gives what ends it. */
  #watch(session: Session): () => void {
    const subjects = this.#feed.deaths.subjectsOf(session.credential)
    for (const subject of subjects) this.#under(subject).add(session)
    // The gate has just let it in. Either it died since, or it lives again and we have not seen that yet.
    if (this.#isDead(session.credential)) void this.#feed.glance().then(() => this.#judge(session))
    return () => this.#end(session, subjects)
  }

  #judge(session: Session): void {
    if (!session.ended && this.#isDead(session.credential)) session.cut()
  }

  #isDead(credential: Credential): boolean {
    return this.#feed.deaths.judge(credential) !== 'alive'
  }

  #under(subject: Subject): Set<Session> {
    const sessions = this.#bySubject.get(subject) ?? new Set()
    this.#bySubject.set(subject, sessions)
    return sessions
  }

  #end(session: Session, subjects: readonly Subject[]): void {
    session.ended = true
    for (const subject of subjects) {
      const sessions = this.#bySubject.get(subject)
      sessions?.delete(session)
      if (sessions?.size === 0) this.#bySubject.delete(subject)
    }
  }
}

const credentialOf = ({
  spiffeId: id,
  tenant,
  incarnation,
  lineage,
  keyThumbprint,
  issuerKeyId,
}: CertificateCaller): Credential => ({ id, tenant, incarnation, lineage, keyThumbprint, issuerKeyId })
