import { NodeChange, type NodeEntry } from '@lanyard/api'
import { Bundle, encodePem, TrustDomain } from '@lanyard/protocol'
import type { Bundles, Log } from '../ports.ts'
import { asLanyardError } from './codes.ts'

/** What became other by one change. */
export interface CatalogueChange {
  readonly changed: readonly NodeEntry[]
  readonly removed: readonly string[]
  /** Bundles, or whether the entries are known at all: whoever asks is concerned. */
  readonly bundles: boolean
}

interface Pending {
  readonly reset: boolean
  readonly entries: Map<string, NodeEntry>
  readonly removed: Set<string>
}

type EntriesLine = Extract<NodeChange, { kind: 'entries' }>
type BundlesLine = Extract<NodeChange, { kind: 'bundles' }>

/** Entries and bundles of the node, as the authority told them last. */
export class Catalogue {
  readonly #log: Log
  readonly #changed: (change: CatalogueChange) => void
  readonly #entries = new Map<string, NodeEntry>()
  /** Entries by the one selector that whoever matches must have. */
  readonly #bySelector = new Map<string, Set<NodeEntry>>()
  /** What came of a sync whose last line is still to come. */
  #pending: Pending | null = null
  #bundlesLine: BundlesLine | null = null
  #bundles: Bundles | null = null
  #cursor: string | null = null

  constructor(log: Log, changed: (change: CatalogueChange) => void) {
    this.#log = log
    this.#changed = changed
  }

  /** Where to go on; null: everything is to be told anew. */
  get cursor(): string | null {
    return this.#cursor
  }

  get entries(): ReadonlyMap<string, NodeEntry> {
    return this.#entries
  }

  /** Null before the first word of the authority. */
  get bundles(): Bundles | null {
    return this.#bundles
  }

  /** Whether the authority has ever told all entries. */
  get whole(): boolean {
    return this.#cursor !== null
  }

  /** The roots of the own trust domain, PEM; null before the first word. */
  get roots(): string | null {
    if (this.#bundles === null) return null
    return this.#bundles.own.x509Authorities.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  }

  /** Entries that may match whoever has these selectors; no other one does. */
  candidates(selectors: ReadonlySet<string>): NodeEntry[] {
    return [...selectors].flatMap(selector => [...(this.#bySelector.get(selector) ?? [])])
  }

  /** Takes a line of entries or bundles over. Throws ProtocolError for bundles that are none. */
  take(line: EntriesLine | BundlesLine): void {
    if (line.kind === 'bundles') this.#takeBundles(line)
    else this.#takeEntries(line)
  }

  #takeEntries(line: EntriesLine): void {
    if (line.reset || this.#pending === null)
      this.#pending = { reset: line.reset, entries: new Map(), removed: new Set() }
    const pending = this.#pending
    for (const entry of line.entries) {
      pending.entries.set(entry.id, entry)
      pending.removed.delete(entry.id)
    }
    for (const id of line.removed) {
      pending.removed.add(id)
      pending.entries.delete(id)
    }
    if (line.more) return
    this.#pending = null
    const first = this.#cursor === null
    this.#cursor = line.cursor
    this.#apply(pending, first)
  }

  /** The connection is another one: half a sync is worth nothing. */
  reconnected(): void {
    this.#pending = null
  }

  /** The next connection asks for everything. */
  forgetCursor(): void {
    this.#cursor = null
  }

  /** The node is none any more: nothing is known. */
  clear(): void {
    const removed = [...this.#entries.keys()]
    this.#pending = null
    this.#cursor = null
    for (const id of removed) this.#drop(id)
    if (removed.length > 0) this.#changed({ changed: [], removed, bundles: false })
  }

  /** All that it knows, for the disk. */
  toText(): string {
    return JSON.stringify({ cursor: this.#cursor, bundles: this.#bundlesLine, entries: [...this.#entries.values()] })
  }

  /** Knows what {@link Catalogue.toText} said; a text that is none is passed over. */
  restore(text: string): void {
    try {
      const { cursor, bundles, entries } = JSON.parse(text) as Record<string, unknown>
      if (bundles !== null) this.#takeBundles(NodeChange.parse(bundles) as BundlesLine)
      const line = { kind: 'entries', cursor, reset: true, more: false, entries, removed: [] }
      if (cursor !== null) this.take(NodeChange.parse(line) as EntriesLine)
    } catch (error) {
      this.#log.warn({ code: asLanyardError(error).code }, 'what was known of the entries cannot be read')
      this.clear()
    }
  }

  #takeBundles(line: BundlesLine): void {
    const own = Bundle.parse(TrustDomain.parse(line.trust_domain), line.bundle)
    const federated = new Map<string, Bundle>()
    for (const [name, text] of Object.entries(line.federated)) {
      try {
        federated.set(name, Bundle.parse(TrustDomain.parse(name), text))
      } catch (error) {
        this.#log.warn({ trust_domain: name, code: asLanyardError(error).code }, 'a federated bundle cannot be read')
      }
    }
    this.#bundlesLine = line
    this.#bundles = { own, federated }
    this.#changed({ changed: [], removed: [], bundles: true })
  }

  #apply({ reset, entries, removed }: Pending, first: boolean): void {
    const gone = reset ? [...this.#entries.keys()].filter(id => !entries.has(id)) : [...removed]
    const known = gone.filter(id => this.#entries.has(id))
    for (const id of known) this.#drop(id)
    const changed = [...entries.values()].filter(entry => this.#entries.get(entry.id)?.revision !== entry.revision)
    for (const entry of changed) this.#put(entry)
    // Also without any entry: from now on it is known that there is none.
    if (first || known.length + changed.length > 0) this.#changed({ changed, removed: known, bundles: first })
  }

  #put(entry: NodeEntry): void {
    this.#drop(entry.id)
    this.#entries.set(entry.id, entry)
    const selector = keySelector(entry)
    const others = this.#bySelector.get(selector)
    if (others === undefined) this.#bySelector.set(selector, new Set([entry]))
    else others.add(entry)
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    const selector = keySelector(entry)
    const others = this.#bySelector.get(selector)
    others?.delete(entry)
    if (others?.size === 0) this.#bySelector.delete(selector)
  }
}

/** The longest selector of an entry is most likely the one that fewest share: a path or a digest, and no uid. */
export function keySelector({ selectors }: Pick<NodeEntry, 'selectors'>): string {
  return selectors.reduce((longest, selector) => (selector.length > longest.length ? selector : longest), '')
}
