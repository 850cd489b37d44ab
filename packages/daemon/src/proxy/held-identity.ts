import { hostname } from 'node:os'
import { encodePem, SpiffeId } from '@lanyard/protocol'
import { Identity } from '@lanyard/sdk'
import { IdentityError } from '@lanyard/sdk/authority'
import { type IdentityLine, type ProxyError, Svid, type SvidListener } from '@lanyard/sdk/proxy'
import type { Bundles, HeldProcess, HeldSvid, WorkloadState, Workloads } from '../ports.ts'
import { errorOf } from './errors.ts'

export interface HeldIdentityParts {
  readonly workloads: Workloads
  readonly process: HeldProcess
  /** URL of the authority, whose feed tells who is dead. */
  readonly authority: string | null
  readonly choice: { readonly id: string | null; readonly hint: string | null }
  /** Tells the agent. */
  readonly tell: (line: IdentityLine) => void
  /** The process has ended. */
  readonly ended: () => void
}

/** An identity of one process whose key stays here: what it may have is followed, and connections are made with it. */
export class HeldIdentity {
  readonly #parts: HeldIdentityParts
  readonly #stop: () => void
  readonly #listeners = new Set<() => void>()
  #id: SpiffeId | null
  #svid: Svid | null = null
  #identity: Identity | null = null
  #listener: SvidListener | null = null
  #refused: IdentityError | null = null

  /** @throws ProtocolError for an ID that is not one */
  constructor(parts: HeldIdentityParts) {
    this.#parts = parts
    this.#id = parts.choice.id === null ? null : SpiffeId.parse(parts.choice.id)
    this.#stop = parts.workloads.follow(parts.process, state => this.#take(state), parts.ended)
  }

  /** Whether it is that of this ID. */
  is(id: string): boolean {
    return this.#svid !== null && `${this.#svid.id}` === id
  }

  /** To connect and serve with. @throws IdentityError where there is none at present */
  get identity(): Identity {
    if (this.#refused !== null) throw this.#refused
    if (this.#identity === null) throw new IdentityError('no_identity', 'expected an identity, there is none')
    return this.#identity
  }

  /** Calls when it is closed. */
  onClose(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Ends every connection that was made with it. */
  async close(): Promise<void> {
    this.#stop()
    for (const listener of this.#listeners) listener()
    await this.#identity?.close()
  }

  #take(state: WorkloadState): void {
    switch (state.kind) {
      case 'identities':
        this.#offered(state.svids, state.bundles)
        break
      case 'refused':
        this.#withdraw(errorOf(state))
        break
      case 'unavailable':
        this.#parts.tell({ unavailable: errorOf(state) })
    }
  }

  #offered(svids: readonly HeldSvid[], bundles: Bundles): void {
    const held = this.#choose(svids)
    if (held !== undefined) this.#give(held, bundles)
    else this.#withdraw(errorOf({ code: 'no_identity', detail: 'no identity that fits what was asked for' }))
  }

  /** The identity that it is already; at first the one that was asked for, or the default. */
  #choose(svids: readonly HeldSvid[]): HeldSvid | undefined {
    const { hint } = this.#parts.choice
    const fitting = svids.filter(({ id }) => this.#id === null || id.equals(this.#id))
    const byHint = fitting.find(each => each.hint === hint)
    return hint !== null && this.#svid === null ? byHint : (byHint ?? fitting[0])
  }

  #give(held: HeldSvid, bundles: Bundles): void {
    const given = pemOf(held, bundles)
    const svid = Svid.of({ ...given, privateKey: held.key, federated: [...bundles.federated.values()] })
    this.#id = svid.id
    this.#svid = svid
    this.#refused = null
    if (this.#identity === null) this.#identity = this.#begin(svid)
    else this.#listener?.onRenewed(svid)
    this.#parts.tell({ given, standing: this.#identity.guard.standing })
  }

  #begin(svid: Svid): Identity {
    const { authority, process, tell } = this.#parts
    const attach = (listener: SvidListener) => {
      this.#listener = listener
      return { renew: () => this.#current(), stop: () => {} }
    }
    const guarded = { liveness: { name: `${hostname()}/${process.pid}` } }
    const options = authority === null ? { liveness: false as const } : { authority, ...guarded }
    const identity = Identity.fromSource({ svid, attach }, options)
    identity.on('liveness', ({ standing }) => tell({ standing }))
    return identity
  }

  async #current(): Promise<Svid> {
    if (this.#refused !== null) throw this.#refused
    return this.#svid!
  }

  #withdraw(why: ProxyError): void {
    const error = new IdentityError(why.code, why.detail, { remedy: why.remedy })
    this.#refused = error
    this.#listener?.onWithdrawn(error)
    this.#parts.tell({ refused: why })
  }
}

function pemOf({ chain }: HeldSvid, { own, federated }: Bundles) {
  const pem = (certificates: readonly { readonly der: Uint8Array }[]) =>
    certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  return {
    certificate: pem(chain.slice(0, 1)),
    chain: pem(chain.slice(1)),
    bundle: pem(own.x509Authorities),
    federated: Object.fromEntries(Array.from(federated, ([name, { x509Authorities }]) => [name, pem(x509Authorities)])),
  }
}
