import { randomBytes } from 'node:crypto'
import { type ErrorCode, LanyardError, type NodeEntry } from '@lanyard/api'
import { type Bundle, SpiffeId as Id, jwkFromSpki, type SpiffeId, toHex } from '@lanyard/protocol'
import { generateKeyNow, spkiOf } from '@lanyard/protocol/node'
import type {
  Bundles,
  BundlesState,
  HeldProcess,
  HeldSvid,
  HeldToken,
  HeldWit,
  NoIdentity,
  WorkloadState,
  Workloads,
} from '../ports.ts'
import { type FakeSvid, FakeTrustDomain } from './ca.ts'

/** Who is meant: the process with this number, or any that nothing else was said of. */
export type Who = number | 'anyone'

/** An identity to give: one SPIFFE ID, or an agent of a tenant. */
export type FakeIdentity = FakeSvid &
  ({ readonly id: string } | { readonly tenant: string; readonly agent: string }) & {
    readonly entry?: Partial<NodeEntry>
  }

type Standing =
  | { readonly kind: 'identities'; readonly wishes: readonly FakeIdentity[]; svids: readonly HeldSvid[] }
  | NoIdentity

interface Follower {
  readonly process: HeldProcess
  readonly tell: () => void
}

const NOTHING: Standing = { kind: 'refused', code: 'no_identity', detail: 'no identity issued' }

/**
 * Workloads in memory, for tests of whatever stands on them: real certificates of a test CA, given and taken away by hand.
 * Every change is told at once, in the same turn; the first state comes in a microtask.
 */
export class FakeWorkloads implements Workloads {
  readonly ca: FakeTrustDomain
  readonly #now: () => number
  readonly #standings = new Map<Who, Standing>()
  readonly #federated = new Map<string, Bundle>()
  readonly #followers = new Set<Follower>()
  /** How many JWT-SVIDs and WIT-SVIDs were made. */
  issued = 0

  /** @param options `now` in Unix milliseconds */
  constructor(options: { readonly trustDomain?: string; readonly now?: () => number } = {}) {
    this.#now = options.now ?? Date.now
    this.ca = new FakeTrustDomain(options.trustDomain, this.#now)
  }

  /** How many streams follow at this moment. */
  get followers(): number {
    return this.#followers.size
  }

  get bundles(): Bundles {
    return { own: this.ca.bundle, federated: new Map(this.#federated) }
  }

  /** Gives exactly these identities, each with a new certificate; what it had before is replaced. */
  give(who: Who, ...wishes: FakeIdentity[]): readonly HeldSvid[] {
    const svids = wishes.map(wish => this.#make(wish))
    this.#set(who, { kind: 'identities', wishes, svids })
    return svids
  }

  /** Takes all away. */
  withdraw(who: Who, code: ErrorCode = 'no_identity', detail = 'no identity issued'): void {
    this.#set(who, { kind: 'refused', code, detail })
  }

  /** Lets nothing be had at present. */
  makeUnavailable(who: Who, code: ErrorCode = 'attestation_failed', detail = 'no answer'): void {
    this.#set(who, { kind: 'unavailable', code, detail })
  }

  /** New keys and certificates for the same identities; of everyone when nobody is named. */
  rotate(who?: Who): void {
    for (const [key, standing] of this.#standings) {
      if ((who === undefined || who === key) && standing.kind === 'identities') this.give(key, ...standing.wishes)
    }
  }

  /** Tells every follower the same state once more. */
  repeat(): void {
    for (const follower of [...this.#followers]) follower.tell()
  }

  /** Trusts another trust domain, which comes back. */
  federate(name: string): FakeTrustDomain {
    const other = new FakeTrustDomain(name, this.#now)
    this.#federated.set(name, other.bundle)
    this.repeat()
    return other
  }

  /** Trusts it no more. */
  unfederate(name: string): void {
    this.#federated.delete(name)
    this.repeat()
  }

  /** What a process may have at this moment. */
  stateOf(process: HeldProcess): WorkloadState {
    const standing = this.#standing(process)
    return standing.kind === 'identities'
      ? { kind: 'identities', svids: standing.svids, bundles: this.bundles }
      : standing
  }

  follow(process: HeldProcess, listener: (state: WorkloadState) => void, ended: () => void): () => void {
    return this.#follow(process, () => listener(this.stateOf(process)), ended)
  }

  followBundles(process: HeldProcess, listener: (state: BundlesState) => void, ended: () => void): () => void {
    return this.#follow(
      process,
      () => {
        const state = this.stateOf(process)
        listener(state.kind === 'identities' ? { kind: 'bundles', bundles: state.bundles } : state)
      },
      ended,
    )
  }

  async jwtSvids(process: HeldProcess, audience: readonly string[], id: SpiffeId | null): Promise<HeldToken[]> {
    return this.#chosen(process, id).map(svid => {
      this.issued++
      const expiresAt = Math.floor(this.#now() / 1000) + 300
      return {
        id: svid.id,
        token: this.ca.jwt(svid.id, audience, expiresAt),
        hint: svid.hint,
        expiresAt: expiresAt * 1000,
      }
    })
  }

  async witSvids(process: HeldProcess, id: SpiffeId | null): Promise<HeldWit[]> {
    return this.#chosen(process, id).map(svid => {
      this.issued++
      const key = generateKeyNow('P-256')
      const expiresAt = Math.floor(this.#now() / 1000) + 300
      const jwk = { ...jwkFromSpki(spkiOf(key)), alg: 'ES256' }
      const token = this.ca.wit(svid.id, jwk, expiresAt)
      const keyJwk = JSON.stringify({ ...key.export({ format: 'jwk' }), alg: 'ES256' })
      return { id: svid.id, token, hint: svid.hint, expiresAt: expiresAt * 1000, keyJwk }
    })
  }

  async bundlesFor(process: HeldProcess, id: SpiffeId | null = null): Promise<Bundles> {
    this.#chosen(process, id)
    return this.bundles
  }

  #follow(process: HeldProcess, tell: () => void, ended: () => void): () => void {
    const follower: Follower = { process, tell: () => (process.isAlive() ? tell() : undefined) }
    const stop = () => {
      this.#followers.delete(follower)
      forget()
    }
    const forget = process.onEnd(() => {
      if (this.#followers.delete(follower)) ended()
    })
    this.#followers.add(follower)
    queueMicrotask(() => {
      if (this.#followers.has(follower)) follower.tell()
    })
    return stop
  }

  #chosen(process: HeldProcess, id: SpiffeId | null): readonly HeldSvid[] {
    const state = this.stateOf(process)
    if (state.kind !== 'identities') throw new LanyardError(state.code, state.detail)
    const chosen = id === null ? state.svids : state.svids.filter(svid => svid.id.equals(id))
    if (chosen.length === 0) throw new LanyardError('no_identity', `no identity issued as ${id}`)
    return chosen
  }

  #standing(process: HeldProcess): Standing {
    return this.#standings.get(process.pid) ?? this.#standings.get('anyone') ?? NOTHING
  }

  #set(who: Who, standing: Standing): void {
    this.#standings.set(who, standing)
    for (const follower of [...this.#followers]) {
      if (this.#standing(follower.process) === standing) follower.tell()
    }
  }

  #make(wish: FakeIdentity): HeldSvid {
    const entry = this.#entry(wish)
    return this.ca.svid(entry, Id.parse(entry.spiffe_id), wish)
  }

  #entry(wish: FakeIdentity): NodeEntry {
    const trustDomain = this.ca.trustDomain.name
    const id = 'id' in wish ? wish.id : `spiffe://${trustDomain}/tenant/${wish.tenant}/agent/${wish.agent}`
    return {
      id: toHex(randomBytes(8)),
      revision: 1,
      tenant: 'tenant' in wish ? wish.tenant : 'acme',
      agent: 'agent' in wish ? wish.agent : 'invoice-bot',
      spiffe_id: id,
      selectors: ['unix:uid:1000'],
      x509_ttl_sec: null,
      jwt_ttl_sec: null,
      hint: wish.hint ?? null,
      federates_with: [...this.#federated.keys()],
      expires_at: null,
      children: false,
      replicas: 1,
      key_policy: wish.keyType === 'RSA' ? 'rsa-only' : 'modern',
      created_at: new Date(this.#now()).toISOString(),
      ...wish.entry,
    }
  }
}
