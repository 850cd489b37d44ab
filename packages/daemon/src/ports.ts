import type { KeyObject } from 'node:crypto'
import type { DAEMON_METRICS, ErrorCode, NamesOf, NodeEntry } from '@lanyard/api'
import type { Bundle, Certificate, SpiffeId } from '@lanyard/protocol'

/** The time. */
export interface Time {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds of a clock that is never set. It stands still while the machine sleeps. */
  monotonic(): number
  /** Calls back once, after `ms`; gives what cancels it. */
  after(ms: number, then: () => void): () => void
}

/** Where messages go; a pino logger fits. Fields never hold a secret. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

type MetricNames<Kind extends 'counter' | 'gauge' | 'histogram'> = NamesOf<typeof DAEMON_METRICS, Kind>

/** What is counted, by the table `DAEMON_METRICS` of the API: a name that is not there does not compile. */
export interface Meter {
  count(name: MetricNames<'counter'>, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Seconds. */
  time(name: MetricNames<'histogram'>, seconds: number, labels?: Readonly<Record<string, string>>): void
  /** Asked when somebody reads the metrics; for counters that are kept elsewhere, too. */
  gauge(name: MetricNames<'gauge' | 'counter'>, value: () => number): void
}

/** One process, held from the moment that it was met: its number may go to another, this object never does. */
export interface HeldProcess {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat. */
  readonly startTime: bigint
  /** Whether the very process still runs, with the same uid and gid. Asked before each message that holds a secret. */
  isAlive(): boolean
  /** Calls back once, when it has ended; gives what cancels that. */
  onEnd(listener: () => void): () => void
  /** Lets go of it. Again without effect. */
  release(): void
}

/** What one attestor found out about a process. */
export interface Finding {
  /** `type:kind:value`. */
  readonly selectors: readonly string[]
  /** What the platform itself launched as the main process of something: `systemd invoice.service`, `docker 4f1c…`; null: it did not. */
  readonly mainOf: string | null
}

/** One way to examine a process. Throws `attestation_failed` when it cannot answer; nothing found is no failure. */
export interface Attestor {
  readonly name: string
  examine(process: HeldProcess): Promise<Finding>
}

/** A process as all attestors together see it. */
export interface Workload {
  readonly process: HeldProcess
  readonly selectors: ReadonlySet<string>
  /** What the platform launched it as. */
  readonly mainOf: readonly string[]
  /** Entry that it was launched for by `lanyard run`; null: it was not. */
  readonly launchedFor: string | null
}

/** Which entry gives a workload an identity, and for each that does not, why. */
export type Verdict =
  | { readonly entry: NodeEntry; readonly given: true }
  | {
      readonly entry: NodeEntry
      readonly given: false
      readonly code: 'no_identity' | 'workload_is_descendant' | 'entry_expired'
      /** Selectors of the entry that the workload has not. */
      readonly missing: readonly string[]
    }

/** Examines processes and matches them with entries. */
export interface Attestation {
  /** Throws `workload_gone`, `attestation_failed`. */
  examine(process: HeldProcess): Promise<Workload>
  /** One verdict for each entry; those that are given first, oldest entry first: the default identity. */
  match(workload: Workload, entries: Iterable<NodeEntry>): readonly Verdict[]
}

/** Main processes that supervisors launched. */
export interface Launches {
  /** The entry that a process was launched for; null: it is no launched main process. */
  entryOf(process: HeldProcess): string | null
}

/** An X.509-SVID with its key, held in memory. */
export interface HeldSvid {
  readonly entry: NodeEntry
  readonly id: SpiffeId
  /** Leaf first, without the root. */
  readonly chain: readonly Certificate[]
  readonly key: KeyObject
  /** PKCS#8, DER. */
  readonly keyDer: Uint8Array
  readonly lineage: string
  readonly incarnation: number
  /** 32 hex digits. */
  readonly serial: string
  /** Unix seconds; both count. */
  readonly notBefore: number
  readonly notAfter: number
  /** Null where an older entry of the same workload has it. */
  readonly hint: string | null
}

/** The bundles of this moment, by name of trust domain. */
export interface Bundles {
  readonly own: Bundle
  readonly federated: ReadonlyMap<string, Bundle>
}

/** All that a workload may have at this moment: each state is complete, and what is absent was withdrawn. */
export type WorkloadState =
  | { readonly kind: 'identities'; readonly svids: readonly HeldSvid[]; readonly bundles: Bundles }
  /** Nothing for it now; `code` is one of `no_identity`, `workload_is_descendant`, `workload_gone`, `agent_quarantined` and their like. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string }
  /** It may have one, which cannot be had at present: the authority or an attestor does not answer. */
  | { readonly kind: 'unavailable'; readonly code: ErrorCode; readonly detail: string }

/** Why there is nothing for it. */
export type NoIdentity = Exclude<WorkloadState, { kind: 'identities' }>

/** The same for whoever wants bundles alone. */
export type BundlesState = { readonly kind: 'bundles'; readonly bundles: Bundles } | NoIdentity

export interface HeldToken {
  readonly id: SpiffeId
  readonly token: string
  readonly hint: string | null
  /** Unix milliseconds. */
  readonly expiresAt: number
}

export interface HeldWit extends HeldToken {
  /** JWK of the private key, text. */
  readonly keyJwk: string
}

/** What the sockets offer, to whom it may concern: the Workload API, SDS, files and the proxy all stand on this. */
export interface Workloads {
  /**
   * Follows the X.509 identities of a process. The first state comes as soon as it is known, each further one when something
   * changed, and never once the process has ended: `ended` is called then. Gives what ends it.
   */
  follow(process: HeldProcess, listener: (state: WorkloadState) => void, ended: () => void): () => void
  /** As {@link follow}, for whoever wants bundles alone; any process with an entry gets them, without an SVID being made. */
  followBundles(process: HeldProcess, listener: (state: BundlesState) => void, ended: () => void): () => void
  /**
   * JWT-SVIDs for an audience: of all identities of the process, or of the one asked for. Throws LanyardError with what
   * would be the `code` of a state.
   */
  jwtSvids(process: HeldProcess, audience: readonly string[], id: SpiffeId | null): Promise<readonly HeldToken[]>
  witSvids(process: HeldProcess, id: SpiffeId | null): Promise<readonly HeldWit[]>
  /** For whoever has an identity, or this one, at this moment. Throws as {@link jwtSvids}. */
  bundlesFor(process: HeldProcess, id?: SpiffeId | null): Promise<Bundles>
}
