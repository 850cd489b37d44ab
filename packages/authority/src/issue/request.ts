import type { Tier } from '@lanyard/api'
import type { CertificateCaller, TokenCaller, WorkloadCaller } from '../caller.ts'
import type { LineageState } from '../ports.ts'

/** Whom certificates are issued to. */
export type IssueCaller = TokenCaller | CertificateCaller | WorkloadCaller

/** What comes through any door to the pipeline, after authentication. */
export interface IssueRequest {
  readonly caller: IssueCaller
  /** PKCS#10, DER. Only its public key is used. */
  readonly csr: Uint8Array
  /** Seconds; the tier's where none are asked for. */
  readonly ttlSec?: number | undefined
  /** Host names beside the SPIFFE ID; of workloads alone, as their entry says. */
  readonly dnsNames?: readonly string[] | undefined
  /** A lineage that is opened with this certificate; of workloads alone. */
  readonly opens?: LineageState | undefined
  readonly source: string | null
  readonly correlation: string | null
}

/** A certificate that is signed, checked and durably recorded. */
export interface Issued {
  readonly der: Uint8Array
  readonly spiffeId: string
  readonly serial: string
  readonly lineage: string
  readonly incarnation: number
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
