import { toHex } from '@lanyard/protocol'
import { actorOf, type NodeCaller } from '../caller.ts'
import type { IssueAsked } from '../issue/gate.ts'
import type { Issuing } from '../issue/issuing.ts'
import type { RefusedRequest } from '../issue/refusals.ts'
import type { Issued } from '../issue/request.ts'
import { lifetimeWithin, TOKEN_SEC, wishedUntil } from '../lifetime.ts'
import { requireAlive } from '../liveness.ts'
import { type Clock, type Dice, type Rows, type Store, shared } from '../ports.ts'
import { type Followed, type Found, findWorkload } from './find.ts'
import { recordToken, type SignedToken } from './record-token.ts'
import { EntryRefusal } from './served.ts'
import { type Allow, type MadeToken, makeJwt, makeWit, type Ready, type TokenPorts } from './tokens.ts'

/** What the door of nodes works with. */
export interface WorkloadPorts extends TokenPorts {
  readonly store: Store
  readonly rows: Rows
  readonly clock: Clock
  readonly dice: Dice
  readonly issuing: Pick<Issuing, 'issue' | 'refused' | 'requireAllowed'>
  readonly maxLineageSec: number
  /** The authorities of this moment. */
  readonly authorities: TokenPorts['authorities'] & { agentsIssuer(): { readonly keyId: string } }
}

/** One call of a node, as far as records tell of it. */
export interface NodeRequest {
  readonly caller: NodeCaller
  /** Id of the entry that it asks for. */
  readonly entry: string
  readonly source: string | null
  readonly correlation: string | null
}

/** A token for a workload, durably recorded. */
export interface IssuedToken {
  readonly token: string
  readonly spiffeId: string
  /** Unix seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/**
 * The door of nodes: SVIDs for the workloads of entries that the node serves. A node keeps one lineage for each entry,
 * in which all that it got is found again when the node is banned.
 */
export class WorkloadDoor {
  readonly #ports: WorkloadPorts

  constructor(ports: WorkloadPorts) {
    this.#ports = ports
  }

  /**
   * An X.509-SVID. The first opens a lineage; each further one goes on in it, and names the one that it follows unless
   * the node has lost that. Throws the codes of the route `issueWorkloadCert`.
   */
  async x509(request: NodeRequest, csr: Uint8Array, follows: Followed | null): Promise<Issued> {
    const { source, correlation } = request
    const { entry, subject, caller, opens } = await this.#find(request, follows)
    const ttlSec = wishedUntil(entry.expiresAt, entry.x509TtlSec, this.#ports.clock.now())
    const asked = { csr, ttlSec, dnsNames: entry.dnsNames }
    const opening = opens ? { opens: subject.lineage } : {}
    return await this.#ports.issuing.issue({ caller, ...asked, ...opening, source, correlation })
  }

  /** A JWT-SVID for these audiences. Throws the codes of the route `issueJwtSvid`. */
  jwt(request: NodeRequest, audience: readonly string[]): Promise<IssuedToken> {
    return this.#token(request, 'jwt', (found, allow) => makeJwt(this.#ports, found, audience, allow))
  }

  /** A WIT-SVID, bound to the key of the CSR. Throws the codes of the route `issueWitSvid`. */
  wit(request: NodeRequest, csr: Uint8Array): Promise<IssuedToken> {
    return this.#token(request, 'wit', (found, allow) => makeWit(this.#ports, found, csr, allow))
  }

  async #token(
    request: NodeRequest,
    door: IssueAsked['door'],
    make: (found: Ready, allow: Allow) => Promise<MadeToken>,
  ): Promise<IssuedToken> {
    const found = await this.#find(request, null)
    const { caller } = found
    try {
      const ready = this.#ready(found)
      const made = await make(ready, key => this.#requireAllowed(request, door, ready, key))
      await this.#record(made, ready, request)
      const { issuedAt, expiresAt } = ready
      return { token: made.token, spiffeId: caller.spiffeId, issuedAt, expiresAt }
    } catch (error) {
      await this.#refused(error, caller, request)
      throw error
    }
  }

  /** With the times and the name of a token that is made now. */
  #ready(found: Found): Ready {
    const { clock, dice } = this.#ports
    const tier = requireAlive(found.subject, found.caller.incarnation)
    const { expiresAt: end, jwtTtlSec } = found.entry
    const issuedAt = Math.floor(clock.now() / 1000)
    const wished = wishedUntil(end, jwtTtlSec ?? TOKEN_SEC, clock.now())
    const expiresAt = issuedAt + lifetimeWithin(tier, wished)
    return { ...found, jti: toHex(dice.bytes(16)), tier, issuedAt, expiresAt }
  }

  #requireAllowed(
    { source, correlation }: NodeRequest,
    door: IssueAsked['door'],
    { caller, subject, tier, issuedAt, expiresAt }: Ready,
    key: IssueAsked['key'],
  ): Promise<void> {
    const { issuing, clock } = this.#ports
    const granted = { tier, ttlSec: expiresAt - issuedAt, key, at: clock.now() }
    return issuing.requireAllowed({ caller, subject, door, ...granted, source, correlation })
  }

  async #record({ type, keyThumbprint, told }: MadeToken, ready: Ready, { source, correlation }: NodeRequest) {
    const { store, rows, clock, authorities } = this.#ports
    const { caller, opens, entry, jti, tier, expiresAt } = ready
    const { lineage } = ready.subject
    const { keyId: issuerKeyId } = authorities.agentsIssuer()
    const detail = { entry: entry.id, lineage: lineage.id, jti, ...told, expires_at: expiresAt }
    const signed: SignedToken = { type, caller, lineage, tier, opens, issuerKeyId, keyThumbprint, detail }
    const deed = () => ({ caller, at: clock.now(), source, correlation })
    await store.write(() => recordToken(rows, signed, deed()), shared(caller.tenant))
  }

  /** What is asked for; a refusal is told, naming the agent where the node may know of it. */
  async #find(request: NodeRequest, follows: Followed | null): Promise<Found> {
    const { store, rows, clock, dice, maxLineageSec } = this.#ports
    const { caller: node, entry } = request
    const fresh = { id: toHex(dice.bytes(16)), maxLineageSec }
    try {
      return await store.read(() => findWorkload(rows, { node, entry, follows, fresh, at: clock.now() }))
    } catch (error) {
      const about = error instanceof EntryRefusal ? error.entry : { tenant: node.tenant, agent: null }
      await this.#refused(error, about, request)
      throw error
    }
  }

  #refused(
    error: unknown,
    agent: RefusedRequest['agent'],
    { caller, source, correlation }: NodeRequest,
  ): Promise<void> {
    return this.#ports.issuing.refused(error, { agent, actor: actorOf(caller), source, correlation })
  }
}
