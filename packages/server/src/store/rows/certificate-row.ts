import type { CertificateState } from '@lanyard/authority'
import type { Fields } from '../chains.ts'
import { bytesOfHex, bytesOfThumbprint, hexOf, TIER_NUMBER, thumbprintOf, tierOf } from '../encoding.ts'
import type { Statements } from '../statement.ts'

/** From `certificates as c` with names. */
export interface CertificateRow {
  place: number
  key_id: Uint8Array
  serial: Uint8Array
  tenant: string
  agent: string
  spiffe_id: string
  lineage: Uint8Array
  jti: string
  generation: number
  incarnation: number
  tier: number
  not_before: number
  not_after: number
  issued_at: number
  parent: Uint8Array | null
  minted_by: string | null
  key_thumbprint: Uint8Array
  revoked_at: number | null
  revoked_reason: string | null
  source: string | null
  correlation: string | null
  hash: Uint8Array
}

/** Certificates by their own columns. */
export const plainCertificates = ({ kysely }: Statements) => kysely.selectFrom('certificates as c')

/** Certificates with the names that their numbers stand for. */
export const certificatesOf = (statements: Statements) => withNames(plainCertificates(statements))

/** Adds to certificates the names that their numbers stand for. */
export function withNames(certificates: ReturnType<typeof plainCertificates>) {
  return certificates
    .innerJoin('agents as a', 'a.id', 'c.agent_id')
    .innerJoin('issuers as i', 'i.id', 'c.issuer_id')
    .innerJoin('tenants as t', 't.id', 'c.tenant_id')
    .innerJoin('lineages as l', 'l.no', 'c.lineage_no')
    .select([
      'c.place',
      'i.key_id',
      'c.serial',
      't.tenant',
      'a.agent',
      'a.spiffe_id',
      'l.id as lineage',
      'l.jti',
      'c.generation',
      'c.incarnation',
      'c.tier',
      'c.not_before',
      'c.not_after',
      'c.issued_at',
      'c.parent',
      'c.minted_by',
      'c.key_thumbprint',
      'c.revoked_at',
      'c.revoked_reason',
      'c.source',
      'c.correlation',
      'c.hash',
    ])
}

export function certificateOf(row: CertificateRow): CertificateState {
  const parent = row.parent && hexOf(row.parent)
  return {
    issuerKeyId: hexOf(row.key_id),
    serial: hexOf(row.serial),
    tenant: row.tenant,
    agent: row.agent,
    spiffeId: row.spiffe_id,
    tier: tierOf(row.tier),
    notBefore: row.not_before,
    notAfter: row.not_after,
    issuedAt: row.issued_at,
    lineage: hexOf(row.lineage),
    generation: row.generation,
    parent,
    mintedBy: row.minted_by ?? usualMinter(parent, row.jti),
    incarnation: row.incarnation,
    keyThumbprint: thumbprintOf(row.key_thumbprint),
    revokedAt: row.revoked_at,
    revokedReason: row.revoked_reason,
    source: row.source,
    correlation: row.correlation,
  }
}

// A renewal is minted by its parent and a first certificate by its lineage's token: such a row need not say it again.
const usualMinter = (parent: string | null, jti: string) =>
  parent === null ? `agent-token:${jti}` : `certificate:${parent}`

/** What the issuance chain covers: all that never changes. */
export const chainedCertificate = (c: CertificateState): Fields => [
  c.issuerKeyId,
  c.serial,
  c.tenant,
  c.agent,
  c.spiffeId,
  c.tier,
  c.notBefore,
  c.notAfter,
  c.issuedAt,
  c.lineage,
  c.generation,
  c.parent,
  c.mintedBy,
  c.incarnation,
  c.keyThumbprint,
  c.source,
  c.correlation,
]

/** A certificate as the insert takes it. */
export interface WrittenCertificate {
  place: number
  keyId: Uint8Array
  serial: Uint8Array
  lineage: Uint8Array
  generation: number
  incarnation: number
  tier: number
  notBefore: number
  notAfter: number
  issuedAt: number
  parent: Uint8Array | null
  mintedBy: string | null
  /** What the token of the lineage would be called but for its id. */
  tokenPrefix: string
  keyThumbprint: Uint8Array
  source: string | null
  correlation: string | null
  hash: Uint8Array
}

export const writtenOf = (c: CertificateState, link: { place: number; hash: Uint8Array }): WrittenCertificate => ({
  ...link,
  keyId: bytesOfHex(c.issuerKeyId),
  serial: bytesOfHex(c.serial),
  lineage: bytesOfHex(c.lineage),
  generation: c.generation,
  incarnation: c.incarnation,
  tier: TIER_NUMBER[c.tier],
  notBefore: c.notBefore,
  notAfter: c.notAfter,
  issuedAt: c.issuedAt,
  parent: c.parent === null ? null : bytesOfHex(c.parent),
  mintedBy: c.parent !== null && c.mintedBy === `certificate:${c.parent}` ? null : c.mintedBy,
  tokenPrefix: c.parent === null ? 'agent-token:' : '',
  keyThumbprint: bytesOfThumbprint(c.keyThumbprint),
  source: c.source,
  correlation: c.correlation,
})
