import type { Streaming } from '@lanyard/api'
import type {
  Caller,
  Clock,
  Dice,
  Issuing,
  NodeCaller,
  NodeSettings,
  Policies,
  Rows,
  SnapshotState,
  SpiffeIdOf,
  Store,
  TenantDefaults,
  TokenSigner,
  X509Issuer,
} from '@lanyard/authority'
import type { Bundle, Certificate, Crypto, Deaths, Signer, Subject, VerifyKey } from '@lanyard/protocol'
import type { ServerConfig } from '../config.ts'
import type { Issuers } from '../issuers/ports.ts'
import type { ServerMeters } from '../observe/server-meters.ts'
import type { HeldSet, PolicyTexts } from '../policy/held.ts'
import type { ShadowReport } from '../policy/shadow.ts'
import type { ProxyTrust } from '../proxies/trust.ts'

/** The ceilings on what strangers can cost, as they stand in the configuration. */
export type HttpLimits = ServerConfig['limits']

/** Where messages go; a pino logger fits. Fields never hold a secret. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The server's own certificate, leaf first and then its intermediates, and the key of the leaf. PEM. */
export interface ServerTls {
  readonly key: string
  readonly cert: string
  /**
   * The same with DNS names alone, for clients that ask for a name (SNI). BoringSSL, and so Envoy and gRPC, refuses a
   * certificate with addresses under name constraints that speak of addresses.
   */
  readonly namedCert?: string
}

/** The authorities of the trust domain at this moment. Each call may answer differently than the one before. */
export interface HttpAuthorities {
  /** Name of the trust domain, without the scheme. */
  readonly trustDomain: string
  /** The trust domain's own SPIFFE bundle: the roots that client certificates must lead to. */
  bundle(): Bundle
  /** The roots, in PEM. */
  rootsPem(): string
  /** Public keys of agent tokens, by `kid`. */
  tokenKeys(): ReadonlyMap<string, VerifyKey>
  /** The key that signs new agent tokens. */
  tokenSigner(): { readonly kid: string; readonly signer: Signer }
  /** The JWK Set of {@link tokenKeys}, as text. */
  jwksJson(): string
  /**
   * The certificate of the key with this identifier (hex) that issues to agents and nodes, at whichever instance; null:
   * there is none. Throws `store_unavailable`.
   */
  intermediate(keyId: string): Promise<Certificate | null>
  /** Issues certificates to agents. */
  agentsIssuer(): X509Issuer
  /** Signs JWT-SVIDs. */
  svidSigner(): TokenSigner
  /** Signs WIT-SVIDs. */
  witSigner(): TokenSigner
}

/** Where a reader of the feed goes on: the last epoch that it has, and of which feed. Null: at the beginning. */
export interface FeedPosition {
  readonly since: number
  readonly feedId: string | null
}

/** The feed of deaths and rebirths, as this instance tells it. */
export interface Feed {
  /** Changes when the database is restored or promoted. Throws `not_ready` before the database was read once. */
  readonly feedId: string
  /**
   * The lines for one reader, from where it was on. They end when its credential does. Throws `store_unavailable` while
   * the database cannot be read.
   */
  follow(from: FeedPosition | null, caller: Caller): Promise<Streaming>
  /** An epoch was committed here: all instances look at once. */
  tell(epoch: number): void
  /** Looks at the database now; kept once what was committed before is seen, or cannot be. */
  glance(): Promise<void>
  /** Asks for each node that reads whether it still is one, and ends the lines of those that are not. */
  confirmNodes(): Promise<void>
  /** What is dead, as far as this instance has seen. */
  readonly deaths: Deaths
  /** Calls back after each look at the database that saw another epoch. */
  onEpoch(listener: (epoch: number) => void): void
  /** Calls back with subjects of which more is dead than before. */
  onDeaths(listener: (died: readonly Subject[]) => void): void
}

/** What nodes follow. */
export interface NodeNews {
  /** Entries, bundles of other trust domains or nodes were changed, and that is durable: all instances look at once. */
  tell(): void
  /**
   * The lines for one node, from where its cursor was on; null, and whatever is no cursor of its: all. They end when
   * its certificate does, or the node itself. Throws `store_unavailable`, `rate_limited`.
   */
  follow(cursor: string | null, caller: NodeCaller): Promise<Streaming>
}

/** What follows kills: the steps of their incidents, and what is kept of them under seal. */
export interface Incidents {
  /**
   * A kill is durable since `committedAt` (Unix ms). What follows begins when the caller has its answer, in turn with
   * what other owners opened: a tenant, or null for a caller of all.
   */
  opened(incident: string, committedAt: number, owner: string | null): void
  /** What a caller sent, as it can be stored. */
  sealEvidence(incident: string, evidence: unknown): Readonly<Record<string, unknown>>
  /** Throws `store_damaged`. */
  openSnapshot(snapshot: SnapshotState): Record<string, unknown>
}

/** How a session by the secret of an agent is judged, where its tenant says nothing else. */
export interface AdmissionSettings {
  readonly agentMtlsRequired: boolean
  /** Authorities of the certificates of agents that are no SVIDs. */
  readonly agentMtlsCa: readonly Certificate[]
  /** What DNS names of agents end in: `<agent>.<tenant>.<suffix>`. */
  readonly dnsSuffix: string
}

/** The policies in force. */
export interface PolicyDesk extends Policies {
  /** Whether nothing is in force for anybody. */
  readonly isIdle: boolean
  /** A change is durable: all instances look at once. */
  tell(): void
  /** Looks at the database: what was committed before is in force here then. Throws `store_unavailable`. */
  look(): Promise<void>
  /** Those that decide: the trust domain's, then the tenant's. */
  activeFor(tenant: string | null): readonly HeldSet[]
  /** A version as it would decide; never throws. */
  compiled(texts: PolicyTexts): HeldSet
  /**
   * Does what may take long for a tenant (null: the trust domain). Throws `rate_limited` where it took too much lately.
   */
  atTheCostOf<T>(tenant: string | null, work: () => T): T
  /** What came of the version in the shadow; undefined: none is. */
  shadowOf(tenant: string | null): ShadowReport | undefined
  /** What was read last: its revision, and when (Unix ms). */
  readonly seen: { readonly revision: number; readonly at: number }
  /** Lets go whoever waits for a change, now and from now on: this instance stops. */
  release(): void
  /** Calls back when the revision has moved, and with `released` when nobody is to wait any more; gives what ends that. */
  onChange(listener: (released: boolean) => void): () => void
}

/** What handlers work with. */
export interface HandlerPorts {
  readonly clock: Clock
  readonly dice: Dice
  readonly crypto: Crypto
  readonly store: Store
  readonly rows: Rows
  readonly authorities: HttpAuthorities
  readonly issuing: Pick<Issuing, 'issue' | 'refused' | 'requireAllowed'>
  readonly spiffeIdOf: SpiffeIdOf
  readonly tenantDefaults: TenantDefaults
  readonly maxLineageSec: number
  /** Under which host names of entries lie. */
  readonly dnsSuffixes: readonly string[]
  /** Host names of the authority itself, which no entry has. */
  readonly ownHosts: readonly string[]
  readonly nodes: NodeSettings
  /** At least 32 secret bytes that authenticate challenges to machines, the same on every instance. */
  readonly challengeSecret: Uint8Array
  /** At least 32 secret bytes that authenticate cursors, the same on every instance. */
  readonly cursorSecret: Uint8Array
  readonly feed: Feed
  readonly incidents: Incidents
  /** Who verifies tokens of others. */
  readonly issuers: Issuers
  readonly policies: PolicyDesk
  readonly admission: AdmissionSettings
  /** Roots of the client certificates of operators. */
  readonly operatorCa: readonly Certificate[]
  /** Which proxies are believed, and in which header. */
  readonly proxies: ProxyTrust
  /** 32 secret bytes that seal the secrets of introspection clients, the same on every instance. */
  readonly sealingSecret: Uint8Array
  /** Who tells nodes. */
  readonly nodeNews: NodeNews
  /** What is measured, to be read by `GET /metrics`. */
  readonly meters: ServerMeters
}

/** All that {@link createHttp} is made of. */
export interface HttpParts extends Omit<HandlerPorts, 'meters'> {
  /** Its own where none are given. */
  readonly meters?: ServerMeters
  readonly limits: HttpLimits
  readonly tls: ServerTls
  readonly log: Log
  /** Whether the instance was put out of service: it answers nobody who has a credential. */
  readonly evicted?: () => boolean
  /** False while the instance cannot serve for a reason that only it knows; `/readyz` asks the store by itself. */
  readonly ready?: () => boolean
}

/** The listener with everything behind it. */
export interface HttpServer {
  /**
   * Listens; gives the port, which port 0 leaves to the system. Throws `address_in_use`.
   */
  listen(host: string, port: number): Promise<{ readonly port: number }>
  /**
   * Listens for a proxy of this machine too, at the path of a Unix socket that its owner and its group can open. TLS is
   * spoken there as well. Throws `socket_unusable`, `permissions_too_wide`.
   */
  listenForProxy(path: string): Promise<void>
  /**
   * Uses another certificate for connections from now on; open ones go on. Throws what OpenSSL says of a key that does
   * not fit.
   */
  setTls(tls: ServerTls): void
  /**
   * Takes no new connection, answers what is under way, then cuts what is left after `graceMs`. Kept once every
   * connection is closed; again without effect.
   */
  close(graceMs: number): Promise<void>
}
