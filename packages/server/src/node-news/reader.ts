import { LanyardError, type NodeChange, type Sink } from '@lanyard/api'
import {
  type NodeCaller,
  type Rows,
  requireNodeStanding,
  type ServedEntry,
  type Step,
  type Store,
} from '@lanyard/authority'
import { type Crypto, type Subject, subjectOf } from '@lanyard/protocol'
import { cursorOf, revisionOf, sightHash } from './cursor.ts'
import { entryLines, LINE_MAX, lineOf } from './lines.ts'

/** What readers are told, as it stands. */
export interface Standing {
  /** Of the last look. */
  readonly revision: number
  readonly feedId: string
  /** The line of the bundles; another object for other bundles. */
  readonly bundles: Buffer
}

export interface ReaderParts {
  readonly store: Pick<Store, 'read'>
  readonly rows: Pick<Rows, 'entries' | 'nodes' | 'deaths'>
  readonly crypto: Crypto
  readonly standing: () => Standing
  /** There is room again: whoever has more to tell may go on. */
  readonly ready: (reader: NodeReader) => void
}

type Page =
  | { readonly ended: Extract<NodeChange, { kind: 'ended' }> }
  | {
      readonly entries: readonly ServedEntry[]
      readonly removed: readonly string[]
      readonly through: number
      readonly target: number
      readonly reset: boolean
    }

/** One node that follows its entries: a place in their revisions, and nothing that waits in memory but what it was just sent. */
export class NodeReader {
  readonly caller: NodeCaller
  /** The key that it is known by, as deaths name it. */
  readonly key: Subject
  readonly #parts: ReaderParts
  readonly #sink: Sink
  readonly #hash: string
  readonly #feedId: string
  /** Up to here it was told; null: it begins anew. */
  #after: number | null
  /** It has been told nothing: the first line comes even when there is nothing to tell. */
  #fresh = true
  /** A line said that more follow. */
  #open = false
  /** In the pages of a whole sync, whose first ones may be older than what was forgotten. */
  #syncing = false
  /** Where to begin again if the connection broke now: of the last line that said all. Empty: anew. */
  #cursor: string
  #bundles: Buffer | null = null
  /** The revision that it was told all of, and at which its node was looked at. */
  #seen: number | null = null
  #takes = true
  #busy = false
  #over = false

  constructor(caller: NodeCaller, cursor: string | null, sink: Sink, parts: ReaderParts) {
    this.caller = caller
    this.key = subjectOf('key', caller.keyThumbprint, parts.crypto)
    this.#parts = parts
    this.#sink = sink
    this.#feedId = parts.standing().feedId
    this.#hash = sightHash({ ...caller, feedId: this.#feedId }, parts.crypto)
    this.#after = revisionOf(cursor, this.#hash)
    this.#cursor = this.#after === null ? '' : cursor!
    sink.onDrain(() => {
      this.#takes = true
      parts.ready(this)
    })
  }

  /** Whether there is something to tell, or to ask, and the connection takes it. */
  get behind(): boolean {
    const { revision, bundles, feedId } = this.#parts.standing()
    const all = !this.#fresh && revision === this.#seen && bundles === this.#bundles && feedId === this.#feedId
    return this.#takes && !this.#over && !all
  }

  /** Tells what there is, as far as the connection takes it. Throws `store_unavailable`; the next call goes on. */
  async pump(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      while (this.behind) await this.#tell()
    } finally {
      this.#busy = false
    }
  }

  /** Asks again whether the node still is one, although nothing came. */
  doubt(): void {
    this.#seen = null
  }

  /** Says that there is news, or none; to whom takes nothing nothing is said. */
  beat(at: number): void {
    if (this.#takes && !this.#over && !this.#fresh) this.#write(lineOf({ kind: 'beat', at }))
  }

  /** Ends in good order; why, where the reader should know. */
  end(why?: Extract<NodeChange, { kind: 'ended' }>): void {
    if (this.#over) return
    this.#over = true
    if (why !== undefined) this.#sink.write(lineOf(why))
    this.#sink.end()
  }

  async #tell(): Promise<void> {
    const { revision, bundles, feedId } = this.#parts.standing()
    if (feedId !== this.#feedId) {
      this.end({ kind: 'ended', code: 'resync', reason: 'the database was restored or promoted' })
      return
    }
    if (bundles !== this.#bundles) {
      this.#bundles = bundles
      this.#write(bundles)
      return
    }
    const page = await this.#parts.store.read(() => this.#page(revision))
    if (this.#over) return
    this.#seen = 'ended' in page || page.through >= revision ? revision : null
    if ('ended' in page) this.end(page.ended)
    else this.#told(page)
  }

  *#page(target: number): Step<Page> {
    const { rows } = this.#parts
    const ended = yield* this.#standsStill(rows)
    if (ended !== null) return { ended }
    const after = this.#after ?? 0
    const reset = this.#after === null || (!this.#syncing && after < (yield* rows.entries.horizon()))
    const range = { after: reset ? 0 : after, through: target, limit: LINE_MAX }
    return { ...(yield* rows.entries.changed(this.caller, range)), target, reset }
  }

  /** Null for a node that is as it was when it began to read; else why it reads no more. */
  *#standsStill(rows: Pick<Rows, 'nodes' | 'deaths'>): Step<Extract<NodeChange, { kind: 'ended' }> | null> {
    try {
      const node = yield* requireNodeStanding(rows, this.caller)
      if (sightHash({ ...node, feedId: this.#feedId }, this.#parts.crypto) === this.#hash) return null
      return { kind: 'ended', code: 'resync', reason: 'what this node serves was changed' }
    } catch (error) {
      if (!(error instanceof LanyardError)) throw error
      const { code, message } = error
      if (code !== 'node_banned' && code !== 'node_unknown') throw error
      return { kind: 'ended', code, reason: message }
    }
  }

  #told({ entries, removed, through, target, reset }: Exclude<Page, { ended: unknown }>): void {
    const more = through < target
    const isNothing = !this.#fresh && !reset && !this.#open && entries.length + removed.length === 0
    if (reset) this.#cursor = ''
    const before = this.#cursor
    const cursor = cursorOf(through, this.#hash)
    this.#after = through
    this.#syncing = more && (this.#syncing || reset)
    if (!more) this.#cursor = cursor
    if (isNothing) return
    this.#fresh = false
    this.#open = more
    for (const line of entryLines({ entries, removed, reset, more, cursor, before })) this.#write(line)
  }

  #write(line: Buffer): void {
    this.#takes = this.#sink.write(line)
  }
}
