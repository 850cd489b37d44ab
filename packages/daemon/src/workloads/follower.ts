import type { LanyardError, NodeEntry } from '@lanyard/api'
import { keySelector } from '../authority/catalogue.ts'
import { asLanyardError } from '../authority/codes.ts'
import type {
  Attestation,
  Bundles,
  BundlesState,
  HeldProcess,
  NoIdentity,
  Verdict,
  Workload,
  WorkloadState,
} from '../ports.ts'
import type { SlotState } from '../svids/ports.ts'
import { bundlesFor, bundlesKey, givenIn, keyOf, NOT_KNOWN, refusalOf, stateOf } from './state.ts'

/** A process to which no entry gives anything, and why. */
export interface Miss {
  readonly workload: Workload
  readonly verdicts: readonly Verdict[]
}

/** What a follower asks. */
export interface FollowerPorts {
  readonly attestation: Attestation
  readonly candidates: (selectors: ReadonlySet<string>) => readonly NodeEntry[]
  readonly bundles: () => Bundles | null
  /** Whether the authority has told the entries, ever. */
  readonly known: () => boolean
  /** Why this machine is no node; null: it is one. */
  readonly noNode: () => LanyardError | null
  readonly slotOf: (entry: string) => SlotState
  readonly want: (entry: NodeEntry) => () => void
  /** A refusal goes out; `miss`: since no entry gives this process anything. */
  readonly refused: (state: NoIdentity, miss: Miss | null) => void
  /** Something of ours failed: one follower must not take the daemon along. */
  readonly failed: (error: unknown) => void
}

/** What is followed, and who is told. */
export type Following =
  | { readonly kind: 'x509'; readonly tell: (state: WorkloadState) => void }
  | { readonly kind: 'bundles'; readonly tell: (state: BundlesState) => void }

/** One process that follows its identities or its bundles. Each state goes out once, after the process was examined anew. */
export class Follower {
  readonly process: HeldProcess
  readonly #ports: FollowerPorts
  readonly #following: Following
  readonly #ended: () => void
  readonly #forget: () => void
  #workload: Workload | null = null
  #failure: NoIdentity | null = null
  /** What is wanted for it at present, by entry. */
  readonly #wants = new Map<string, () => void>()
  #relevant: ReadonlySet<string> = new Set()
  #told = ''
  #toldSerials: ReadonlySet<string> = new Set()
  /** Why nothing is given, where no entry gives anything. */
  #miss: Miss | null = null
  #over = false
  #looking = false
  #lookAgain = false

  constructor(process: HeldProcess, following: Following, ended: () => void, ports: FollowerPorts) {
    this.process = process
    this.#following = following
    this.#ended = ended
    this.#ports = ports
    this.#forget = process.onEnd(() => this.#end())
  }

  start(): void {
    void this.#look()
  }

  /** Ends it without a word. */
  stop(): void {
    this.#over = true
    this.#forget()
    this.#wantOnly([])
  }

  /** An entry is no more; one with the same id that comes later is another one. */
  dropped(entry: string): void {
    this.#wants.get(entry)?.()
    this.#wants.delete(entry)
  }

  /** Whether it has anything to do with an entry. */
  concerns(entry: string): boolean {
    return this.#relevant.has(entry)
  }

  /** Whether a changed entry may match it. */
  mayMatch(entry: NodeEntry): boolean {
    return this.#workload === null || this.#relevant.has(entry.id) || this.#workload.selectors.has(keySelector(entry))
  }

  /**
   * Something that it stands on has changed. What is taken away is told at once; what is new only after the process was
   * examined anew, since it may be another program by now.
   */
  changed(): void {
    if (this.#over) return
    try {
      this.#changed()
    } catch (error) {
      this.#ports.failed(error)
    }
  }

  #changed(): void {
    this.#lookAgain = this.#looking
    if (this.#workload === null) {
      if (!this.#looking) void this.#look()
      return
    }
    const state = this.#state()
    if (state === null) return
    if (this.#isLess(state)) this.#tell(state)
    else if (!this.#looking && keyOfAny(state) !== this.#told) void this.#look()
  }

  async #look(): Promise<void> {
    this.#looking = true
    try {
      do await this.#lookOnce()
      while (this.#lookAgain && !this.#over)
    } catch (error) {
      this.#ports.failed(error)
    } finally {
      this.#looking = false
    }
  }

  async #lookOnce(): Promise<void> {
    this.#lookAgain = false
    await this.#examine()
    if (this.#over) return
    const state = this.#failure ?? this.#state()
    if (state !== null) this.#tell(state)
  }

  async #examine(): Promise<void> {
    try {
      this.#workload = await this.#ports.attestation.examine(this.process)
      this.#failure = null
    } catch (error) {
      const { code, message } = asLanyardError(error)
      if (code === 'workload_gone') return this.#end()
      this.#workload = null
      this.#failure = { kind: 'unavailable', code: 'attestation_failed', detail: message }
    }
  }

  /** What it may have by what is known of it; null: that is not settled yet. */
  #state(): Told | null {
    const { attestation, candidates, bundles, known, noNode, slotOf } = this.#ports
    if (this.#workload === null) return this.#failure
    const workload = this.#workload
    this.#miss = null
    const near = candidates(workload.selectors)
    const verdicts = attestation.match(workload, near)
    this.#relevant = new Set(near.map(({ id }) => id))
    const given = givenIn(verdicts)
    this.#wantOnly(this.#following.kind === 'x509' ? given : [])
    if (given.length === 0) {
      const node = noNode()
      if (node !== null) return { kind: 'refused', code: node.code, detail: `no identity issued: ${node.message}` }
      if (!known()) return NOT_KNOWN
      const state = refusalOf(verdicts)
      this.#miss = { workload, verdicts }
      return state
    }
    if (this.#following.kind === 'x509') return stateOf(given, slotOf, bundles())
    const all = bundles()
    return all === null ? NOT_KNOWN : { kind: 'bundles', bundles: bundlesFor(given, all) }
  }

  #wantOnly(entries: readonly NodeEntry[]): void {
    const ids = new Set(entries.map(({ id }) => id))
    for (const entry of entries) if (!this.#wants.has(entry.id)) this.#wants.set(entry.id, this.#ports.want(entry))
    for (const [id, release] of this.#wants) {
      if (ids.has(id)) continue
      this.#wants.delete(id)
      release()
    }
  }

  #tell(state: Told): void {
    if (this.#over) return
    // Asked of the kernel at this moment: what goes out next may hold a key.
    if (!this.process.isAlive()) {
      this.#end()
      return
    }
    const key = keyOfAny(state)
    if (key === this.#told) return
    this.#told = key
    this.#toldSerials = new Set(serialsOf(state))
    if (state.kind === 'refused') this.#ports.refused(state, this.#miss)
    this.#pass(state)
  }

  #pass(state: Told): void {
    if (this.#following.kind === 'x509') {
      if (state.kind !== 'bundles') this.#following.tell(state)
    } else if (state.kind !== 'identities') this.#following.tell(state)
  }

  /** Nothing secret goes out with it that this process has not got already. */
  #isLess(state: Told): boolean {
    return serialsOf(state).every(serial => this.#toldSerials.has(serial))
  }

  #end(): void {
    if (this.#over) return
    this.stop()
    this.#ended()
  }
}

type Told = WorkloadState | BundlesState

const keyOfAny = (state: Told) => (state.kind === 'bundles' ? bundlesKey(state.bundles) : keyOf(state))

const serialsOf = (state: Told) => (state.kind === 'identities' ? state.svids.map(({ serial }) => serial) : [])
