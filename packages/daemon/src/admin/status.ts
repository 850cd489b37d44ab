/** What the daemon says of itself. Times are RFC 3339. */
export interface DaemonStatus {
  readonly version: string
  readonly started_at: string
  readonly trust_domain: string
  /** Null before the node has attested for the first time. */
  readonly node: {
    readonly name: string
    readonly spiffe_id: string
    readonly tenant: string | null
    readonly groups: readonly string[]
    /** End of its certificate. */
    readonly not_after: string
  } | null
  readonly authority: {
    readonly url: string
    /** Whether entries arrive at present. */
    readonly connected: boolean
    /** Why not; null while they do. */
    readonly code: string | null
    /** When the last line of the entries came; null: none has. */
    readonly heard_at: string | null
    /** What the feed of deaths is as of; null: none was heard. */
    readonly feed_as_of: string | null
  }
  /** `unix:///run/lanyard/workload-api.sock`: what workloads find in SPIFFE_ENDPOINT_SOCKET. */
  readonly workload_api: string
  /** How many entries are served here. */
  readonly entries: number
  /** How many streams are open. */
  readonly subscribers: number
  readonly svids: readonly {
    readonly entry: string
    readonly spiffe_id: string
    readonly not_after: string
    /** Processes that follow it. */
    readonly followers: number
  }[]
}

/** What `GET /status` answers. */
export interface StatusReply extends DaemonStatus {
  /** Main processes that `lanyard run` launched, and that run. */
  readonly launches: readonly { readonly entry: string; readonly pid: number; readonly at: string }[]
}
