import { LanyardError, type NodeEntry } from '@lanyard/api'
import type { SpiffeId } from '@lanyard/protocol'
import type { Catalogue, CatalogueChange } from '../authority/catalogue.ts'
import { asLanyardError, isFinal } from '../authority/codes.ts'
import type {
  Attestation,
  Bundles,
  HeldProcess,
  HeldToken,
  HeldWit,
  Log,
  Meter,
  NoIdentity,
  Time,
  Workloads,
} from '../ports.ts'
import type { SvidManager } from '../svids/manager.ts'
import type { TokenDesk } from '../tokens/desk.ts'
import { Follower, type FollowerPorts, type Following, type Miss } from './follower.ts'
import { bundlesFor, givenIn, NOT_KNOWN, refusalOf, withOwnHints } from './state.ts'

export interface WorkloadDeskPorts {
  readonly attestation: Attestation
  readonly catalogue: Catalogue
  readonly svids: SvidManager
  readonly tokens: TokenDesk
  /** Why this machine is no node; null: it is one. */
  readonly noNode: () => LanyardError | null
  readonly time: Time
  readonly log: Log
  readonly meter: Meter
  /** A process was refused: supervisors are told. */
  readonly refused: (miss: Miss, code: string) => void
}

/** Gives the processes of this machine what the entries of its node say. */
export class WorkloadDesk implements Workloads {
  readonly #ports: WorkloadDeskPorts
  readonly #followers = new Set<Follower>()
  readonly #followerPorts: FollowerPorts
  readonly #dirty = new Set<Follower>()
  #telling = false

  constructor(ports: WorkloadDeskPorts) {
    this.#ports = ports
    const { attestation, catalogue, svids } = ports
    this.#followerPorts = {
      attestation,
      candidates: selectors => catalogue.candidates(selectors),
      bundles: () => catalogue.bundles,
      known: () => catalogue.whole,
      noNode: ports.noNode,
      slotOf: entry => svids.stateOf(entry),
      want: entry => svids.follow(entry),
      refused: ({ code }, miss) => this.#refused(code, miss),
      failed: error => ports.log.error({ err: error }, 'a process could not be told of its identities'),
    }
  }

  /** How many streams are open. */
  get followers(): number {
    return this.#followers.size
  }

  follow(...[process, listener, ended]: Parameters<Workloads['follow']>): () => void {
    const { meter, time } = this.#ports
    const began = time.monotonic()
    let first = true
    return this.#follow(
      process,
      {
        kind: 'x509',
        tell: state => {
          if (first && state.kind === 'identities') {
            const known = state.svids.every(({ entry }) => this.#ports.svids.since(entry.id) <= began)
            const from = known ? 'memory' : 'authority'
            meter.time('first_svid', (time.monotonic() - began) / 1000, { from })
          }
          first = false
          listener(state)
        },
      },
      ended,
    )
  }

  followBundles(...[process, tell, ended]: Parameters<Workloads['followBundles']>): () => void {
    return this.#follow(process, { kind: 'bundles', tell }, ended)
  }

  async jwtSvids(process: HeldProcess, audience: readonly string[], id: SpiffeId | null): Promise<HeldToken[]> {
    const entries = await this.#entriesOf(process, id)
    return await this.#each(process, entries, entry => this.#ports.tokens.jwt(entry, audience))
  }

  async witSvids(process: HeldProcess, id: SpiffeId | null): Promise<HeldWit[]> {
    const entries = await this.#entriesOf(process, id)
    return await this.#each(process, entries, entry => this.#ports.tokens.wit(entry))
  }

  async bundlesFor(process: HeldProcess, id: SpiffeId | null = null): Promise<Bundles> {
    const entries = await this.#entriesOf(process, id)
    const { bundles } = this.#ports.catalogue
    if (bundles === null) throw notKnown()
    return bundlesFor(entries, bundles)
  }

  /** How an entry stands has changed. */
  svidChanged(entry: string): void {
    this.#mark(follower => follower.concerns(entry))
  }

  /** Entries or bundles have changed. */
  catalogueChanged({ changed, removed, bundles }: CatalogueChange): void {
    for (const follower of this.#followers) for (const id of removed) follower.dropped(id)
    this.#mark(
      follower =>
        bundles || removed.some(id => follower.concerns(id)) || changed.some(entry => follower.mayMatch(entry)),
    )
  }

  /** Ends everything without a word. */
  stop(): void {
    for (const follower of this.#followers) follower.stop()
    this.#followers.clear()
  }

  #follow(process: HeldProcess, following: Following, ended: () => void): () => void {
    const leave = () => {
      this.#followers.delete(follower)
      this.#dirty.delete(follower)
    }
    const follower = new Follower(
      process,
      following,
      () => {
        leave()
        ended()
      },
      this.#followerPorts,
    )
    this.#followers.add(follower)
    follower.start()
    return () => {
      leave()
      follower.stop()
    }
  }

  /** In a microtask: a sync may touch one follower many times. */
  #mark(concerned: (follower: Follower) => boolean): void {
    for (const follower of this.#followers) if (concerned(follower)) this.#dirty.add(follower)
    if (this.#telling || this.#dirty.size === 0) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      const dirty = [...this.#dirty]
      this.#dirty.clear()
      for (const follower of dirty) follower.changed()
    })
  }

  /** Examined at this moment; throws what would be the code of a state. */
  async #entriesOf(process: HeldProcess, id: SpiffeId | null): Promise<NodeEntry[]> {
    const { attestation, catalogue } = this.#ports
    const workload = await attestation.examine(process)
    const verdicts = attestation.match(workload, catalogue.candidates(workload.selectors))
    const given = givenIn(verdicts)
    if (given.length === 0) {
      const node = this.#ports.noNode()
      if (node !== null) throw saying(node)
      if (!catalogue.whole) throw notKnown()
      const { code, detail } = refusalOf(verdicts)
      this.#refused(code, { workload, verdicts })
      throw new LanyardError(code, detail)
    }
    const chosen = id === null ? given : given.filter(entry => entry.spiffe_id === id.toString())
    if (chosen.length === 0) throw new LanyardError('no_identity', `no identity issued as ${id}`)
    return chosen
  }

  /** What can be had; where nothing can, the first reason. */
  async #each<T extends HeldToken>(
    process: HeldProcess,
    entries: readonly NodeEntry[],
    get: (entry: NodeEntry) => Promise<T>,
  ): Promise<T[]> {
    const results = await Promise.allSettled(entries.map(get))
    const had = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const failed = results.find(result => result.status === 'rejected')
    if (had.length === 0) throw saying(asLanyardError(failed?.reason))
    if (!process.isAlive()) throw new LanyardError('workload_gone', `process ${process.pid} has ended`)
    return withOwnHints(had)
  }

  #refused(code: NoIdentity['code'], miss: Miss | null): void {
    this.#ports.meter.count('refusals', { code })
    if (miss !== null) this.#ports.refused(miss, code)
  }
}

const notKnown = () => new LanyardError(NOT_KNOWN.code, NOT_KNOWN.detail)

const saying = (error: LanyardError) =>
  isFinal(error) ? new LanyardError(error.code, `no identity issued: ${error.message}`, {}, { cause: error }) : error
