import type { CertificateCaller } from '@lanyard/authority'
import type { Credential, Subject } from '@lanyard/protocol'
import type { Connection } from './connection.ts'
import type { Feed } from './ports.ts'

/**
 * Connections whose certificate an agent has proved, by what could end them. A death ends them with all that goes on
 * there, such as a feed. Agent tokens have no connection of their own: one may carry those of several agents, and each
 * request asks anew.
 */
export class AgentSessions {
  readonly #feed: Feed
  readonly #cut: (connection: Connection) => void
  readonly #bySubject = new Map<Subject, Set<Connection>>()
  readonly #credentials = new Map<Connection, Credential>()

  constructor(feed: Feed, cut: (connection: Connection) => void) {
    this.#feed = feed
    this.#cut = cut
    feed.onDeaths(died => {
      for (const subject of died) for (const connection of this.#bySubject.get(subject) ?? []) this.#judge(connection)
    })
  }

  /** A request on this connection has authenticated by its certificate. */
  begin(connection: Connection, caller: CertificateCaller): void {
    if (this.#credentials.has(connection) || connection.raw.destroyed) return
    const credential = credentialOf(caller)
    this.#credentials.set(connection, credential)
    const subjects = this.#feed.deaths.subjectsOf(credential)
    for (const subject of subjects) this.#under(subject).add(connection)
    connection.raw.once('close', () => this.#end(connection, subjects))
    // The gate has just let it in. Either it died since, or it lives again and we have not seen that yet.
    if (this.#isDead(credential)) void this.#feed.glance().then(() => this.#judge(connection))
  }

  #judge(connection: Connection): void {
    const credential = this.#credentials.get(connection)
    if (credential !== undefined && this.#isDead(credential)) this.#cut(connection)
  }

  #isDead(credential: Credential): boolean {
    return this.#feed.deaths.judge(credential) !== 'alive'
  }

  #under(subject: Subject): Set<Connection> {
    const connections = this.#bySubject.get(subject) ?? new Set()
    this.#bySubject.set(subject, connections)
    return connections
  }

  #end(connection: Connection, subjects: readonly Subject[]): void {
    this.#credentials.delete(connection)
    for (const subject of subjects) {
      const connections = this.#bySubject.get(subject)
      connections?.delete(connection)
      if (connections?.size === 0) this.#bySubject.delete(subject)
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
