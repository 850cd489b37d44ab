import type { Certificate } from '@lanyard/protocol'

/** How machines become nodes, and how long they stay so. */
export interface NodeSettings {
  /** Seconds that the certificate of a node lives. */
  readonly certTtlSec: number
  /** Seconds after its end in which it may still renew. */
  readonly graceSec: number
  /** Machines with certificates of a company's own authority; null: none. */
  readonly x509pop: X509PopSettings | null
}

export interface X509PopSettings {
  readonly roots: readonly Certificate[]
  /** The only tenant that such nodes serve; null: all. */
  readonly tenant: string | null
  readonly groups: readonly string[]
}

/** The moment, in Unix ms, from which a node may not even renew. */
export const endOfGrace = ({ notAfter }: { readonly notAfter: number }, { graceSec }: NodeSettings): number =>
  (notAfter + 1 + graceSec) * 1000
