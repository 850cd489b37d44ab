import type { ErrorCode, LanyardError } from '@lanyard/api'
import { certificatesOf } from '@lanyard/sdk/authority'
import { Catalogue, type CatalogueChange } from '../authority/catalogue.ts'
import { takeChange } from '../authority/changes.ts'
import { AuthorityClock } from '../authority/clock.ts'
import { asLanyardError, isNodeEnd } from '../authority/codes.ts'
import { Connection } from '../authority/connection.ts'
import { Feed } from '../authority/feed.ts'
import type { DaemonConfig } from '../config.ts'
import type { PrivateFolder } from '../disk/private-folder.ts'
import type { Log, Meter, Time } from '../ports.ts'
import { Authority } from './authority.ts'
import { NodeKeeper } from './keeper.ts'
import { type JoinToken, proofOf } from './proof.ts'

export interface NodePorts {
  readonly config: DaemonConfig
  readonly time: Time
  readonly log: Log
  readonly meter: Meter
  readonly random: () => number
  readonly folder: PrivateFolder
  readonly joinToken: JoinToken | null
  /** Entries or bundles have changed. */
  readonly changed: (change: CatalogueChange) => void
  /** Deaths were heard. */
  readonly died: () => void
  /** Somebody may live again, or the authority is back. */
  readonly again: () => void
}

const CATALOGUE = 'entries.json'
/** How long an authority that answers slowly is waited for at a start. */
const FIRST_WORD_MS = 2_000
/** Between a change and its copy on disk. */
const SAVE_MS = 2_000

/** This machine as a node: its identity, its connection to the authority, and what it learns there. */
export class DaemonNode {
  readonly catalogue: Catalogue
  readonly clock: AuthorityClock
  readonly feed: Feed
  readonly keeper: NodeKeeper
  readonly #ports: NodePorts
  readonly #connection: Connection
  readonly #authority: Authority
  #cancelSave: (() => void) | null = null
  #savedAt = Number.NEGATIVE_INFINITY
  #heardAt: number | null = null
  readonly #firstWord = Promise.withResolvers<void>()
  /** Why there is no connection; null: there is one. */
  #failure: LanyardError | null = null

  /** @throws TypeError for the URL of an authority that is none */
  constructor(ports: NodePorts) {
    this.#ports = ports
    const { config, time, log, random, folder } = ports
    this.#authority = new Authority(config, time)
    this.clock = new AuthorityClock(time)
    this.catalogue = new Catalogue(log, change => this.#changed(change))
    this.feed = new Feed({
      ...{ time, clock: this.clock },
      trustDomain: () => this.keeper.credential.id.trustDomain,
      roots: () => certificatesOf(this.keeper.credential.bundle),
      died: ports.died,
      reborn: ports.again,
    })
    const proof = proofOf(config, ports.joinToken)
    this.keeper = new NodeKeeper({
      ...{ time, clock: this.clock, log, random, folder },
      attest: proof === null ? null : async () => await this.#authority.attest(await proof.read()),
      proof,
      renew: credential => this.#authority.renew(credential),
      renewed: () => this.#connection.open(true),
      ended: () => this.#ended(),
    })
    this.#connection = new Connection({
      ...{ time, random },
      connect: signal => this.#authority.connect(this.keeper.credential, signal),
      streams: () => this.#streams(),
      opened: () => this.#opened(),
      lost: error => this.#failed(error),
      failed: error => this.#failed(error),
    })
    ports.meter.gauge('entries', () => this.catalogue.entries.size)
    ports.meter.gauge('behind_seconds', () => Math.min(this.feed.silentMs(), Number.MAX_SAFE_INTEGER) / 1000)
  }

  /** Knows again what was known before a restart; then attests where that is needed. Throws as {@link NodeKeeper.start}. */
  async start(): Promise<void> {
    const text = this.#ports.folder.read(CATALOGUE)
    if (text !== null) this.catalogue.restore(text)
    await this.keeper.start()
  }

  /**
   * Connects, and goes on connecting. Comes back when it is known who has died meanwhile, or that nobody says so at present:
   * what lies on the disk may be of one who was killed while nobody looked.
   */
  async connect(): Promise<void> {
    this.#connection.start()
    const { promise, resolve } = this.#firstWord
    const cancel = this.#ports.time.after(FIRST_WORD_MS, resolve)
    await promise
    cancel()
  }

  get connected(): boolean {
    return this.#connection.connected
  }

  get failure(): LanyardError | null {
    return this.connected ? null : (this.keeper.failure ?? this.#failure)
  }

  /** When a line of changes came last, Unix milliseconds; null: none has. */
  get heardAt(): number | null {
    return this.#heardAt
  }

  /** Asks once; throws LanyardError. */
  async call<T>(path: string, body: object): Promise<T> {
    try {
      return (await this.#connection.call('POST', path, body)) as T
    } catch (error) {
      const failure = asLanyardError(error)
      if (isNodeEnd(failure.code)) this.keeper.refused(failure)
      throw failure
    }
  }

  stop(): void {
    this.#firstWord.resolve()
    this.keeper.stop()
    this.#connection.stop()
    if (this.#cancelSave === null) return
    this.#cancelSave()
    this.#save()
  }

  #streams() {
    const { cursor } = this.catalogue
    const from = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
    return [
      { path: `/v1/node/changes${from}`, line: (text: string) => this.#change(text) },
      { path: this.feed.path, line: (text: string) => this.#feedLine(text) },
    ]
  }

  #change(text: string): void {
    this.#heardAt = this.#ports.time.now()
    const began = this.#ports.time.monotonic()
    const { catalogue, clock } = this
    const synced = () => {
      this.#ports.meter.time('sync', (this.#ports.time.monotonic() - began) / 1000)
      this.#saveSoon()
    }
    takeChange(text, { catalogue, clock, synced })
    // An instance that lost its database goes on speaking, and tells of no death.
    if (this.feed.isSilent && this.connected) this.#connection.open(true)
  }

  #feedLine(text: string): void {
    const missing = this.feed.take(text)
    this.#firstWord.resolve()
    if (missing) this.#connection.open(true)
  }

  #opened(): void {
    this.#ports.log.info({ url: this.#authority.url.host }, 'connected to the authority')
    this.#failure = null
    this.keeper.accepted()
    this.catalogue.reconnected()
    this.feed.reconnected()
    this.#ports.again()
  }

  #failed(error: LanyardError): void {
    this.#firstWord.resolve()
    if (this.#failure?.code !== error.code)
      this.#ports.log.warn({ code: error.code }, `no connection to the authority: ${error.message}`)
    this.#failure = error
    if (EXPIRED.has(error.code)) void this.keeper.renew()
    else this.keeper.refused(error)
  }

  #changed(change: CatalogueChange): void {
    const { roots } = this.catalogue
    // Without any root nothing could tell what comes next.
    if (change.bundles && roots !== null && roots !== '') this.keeper.believe(roots)
    this.#ports.changed(change)
  }

  /** Whatever this node got is void. */
  #ended(): void {
    this.catalogue.clear()
    this.#saveSoon()
  }

  /** At once after a quiet time: a daemon that is killed soon after its first sync knows its entries. */
  #saveSoon(): void {
    const sinceMs = this.#ports.time.monotonic() - this.#savedAt
    if (!this.catalogue.whole || sinceMs < SAVE_MS) {
      this.#cancelSave ??= this.#ports.time.after(SAVE_MS, () => this.#save())
      return
    }
    this.#cancelSave?.()
    this.#save()
  }

  #save(): void {
    this.#cancelSave = null
    this.#savedAt = this.#ports.time.monotonic()
    try {
      this.#ports.folder.write(CATALOGUE, this.catalogue.toText())
    } catch (error) {
      this.#ports.log.error({ code: asLanyardError(error).code }, 'the entries are not on disk')
    }
  }
}

/** The certificate of the node has ended: it may still renew. */
const EXPIRED: ReadonlySet<string> = new Set<ErrorCode>(['certificate_expired'])
