import type { Tier } from '@lanyard/api'
import type { CertificateCaller, TokenCaller } from '../caller.ts'

/** What comes through any door to the pipeline, after authentication. */
export interface IssueRequest {
  readonly caller: TokenCaller | CertificateCaller
  /** PKCS#10, DER. Only its public key is used. */
  readonly csr: Uint8Array
  /** Seconds; the tier's where none are asked for. */
  readonly ttlSec?: number | undefined
  readonly source: string | null
  readonly correlation: string | null
}

/** A certificate that is signed, checked and durably recorded. */
export interface Issued {
  readonly der: Uint8Array
  readonly spiffeId: string
  readonly serial: string
  /** Unix seconds, both ends count. */
  readonly notBefore: number
  readonly notAfter: number
  readonly tier: Tier
  readonly ttlSec: number
  /** Unix milliseconds. */
  readonly renewAfter: number
  readonly chainPem: string
  readonly bundlePem: string
}
