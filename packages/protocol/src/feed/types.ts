/** 22 characters: base64url of the first 16 bytes of SHA-256(kind ‖ 0 ‖ value). */
export type Subject = string

/** What can die. Values: SPIFFE ID, tenant name, lineage (32 hex digits), key thumbprint (RFC 7638), issuer key id (hex). */
export type SubjectKind = 'agent' | 'tenant' | 'lineage' | 'key' | 'issuer'

export interface Death {
  readonly subject: Subject
  /** Incarnations up to this one are dead; 1 for subjects that have none. */
  readonly through: number
  /** Unix ms when nothing that it concerns lives any longer, a minute added; null: it stays. */
  readonly until: number | null
}

export interface Rebirth {
  readonly subject: Subject
  /** The first incarnation that lives again. */
  readonly incarnation: number
}

/** One line of the feed. Times are Unix milliseconds, in the authority's time. */
export interface FeedLine {
  /** A snapshot holds every death that still matters; a delta what came after `prev`; without deaths it is a heartbeat. */
  readonly kind: 'snapshot' | 'delta'
  /** Changes when the database is restored or promoted. */
  readonly feedId: string
  readonly instance: string
  readonly epoch: number
  /** The epoch that this line follows; 0 for a snapshot. */
  readonly prev: number
  /** When this instance last began to read the epoch from the primary database. */
  readonly asOf: number
  readonly deaths: readonly Death[]
  readonly rebirths: readonly Rebirth[]
  /** How the trust domain writes tenant and agent into SPIFFE IDs; in snapshots alone. */
  readonly template?: string
}

/** What a credential is, as far as a death can concern it. */
export interface Credential {
  /** SPIFFE ID. */
  readonly id: string
  /** Null where the template does not fit. */
  readonly tenant: string | null
  /** 0 where the certificate says none: any death of its agent kills it. */
  readonly incarnation: number
  readonly lineage: string | null
  readonly keyThumbprint: string
  readonly issuerKeyId: string | null
}

/** What an enforcement point says of itself. Times are Unix milliseconds in the authority's time. */
export interface Ack {
  /** UUID of the point. */
  readonly point: string
  readonly feedId: string
  /** Every death up to this epoch is applied. */
  readonly epoch: number
  readonly appliedAt: number
  /** Connections and streams ended by it since the last acknowledgement. */
  readonly cut: number
  /** The last request or connection of the dead that was let in; null: none that it knows. */
  readonly lastAccept: number | null
  /** What the point added to its own clock, and by how much that may be wrong. */
  readonly offsetMs: number
  readonly uncertaintyMs: number
}

export interface ReceiptPoint {
  readonly point: string
  /** Null for a point of another tenant. */
  readonly spiffeId: string | null
  /** `killed`: its own agent is what was killed, so that nobody waited for its word. */
  readonly outcome: 'applied' | 'silent' | 'best_effort' | 'killed'
  readonly appliedAt: number | null
  readonly offsetMs: number | null
  readonly uncertaintyMs: number | null
  readonly cut: number | null
  readonly lastAccept: number | null
  /** Of `silent` and `killed`: it refuses guarded calls by itself from then on. Null: unbounded, or `applied`. */
  readonly failsClosedBy: number | null
  /** Its acknowledgement with its chain (compact JWS); null where none came, or for a point of another tenant. */
  readonly ack: string | null
}

/** The proof of a kill: attested by the points, not proven. Times are Unix milliseconds. */
export interface Receipt {
  readonly trustDomain: string
  readonly incident: string
  readonly tenant: string | null
  readonly target: { readonly kind: string; readonly value: string }
  readonly scope: string
  readonly reason: string
  readonly openedBy: string
  readonly feedId: string
  readonly epoch: number
  /** The commit lies between the two. */
  readonly commit: { readonly sent: number; readonly acknowledged: number }
  readonly closedAt: number
  readonly points: readonly ReceiptPoint[]
  readonly revoked: number
  readonly cut: number
  /** Of all points that said so. */
  readonly lastAccept: number | null
  /** Until then a service without a guard may accept what was given out, also what was revoked before; null: nothing. */
  readonly unguardedUntil: number | null
}
