import type { Crypto } from '@lanyard/protocol'
import type { ExternalTokenCaller } from '../caller.ts'
import type { IdpState } from '../ports.ts'
import { type ReadClaim, requireClaims, requireSubject } from './claims.ts'
import { agentNameOf } from './name.ts'

/** What was verified of a token of a provider. */
export interface VouchedToken {
  readonly read: ReadClaim
  /** Hex SHA-256 of what was signed. */
  readonly hash: string
  /** Unix milliseconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** It opens a lineage, which is what it is for, and may do nothing else. */
const OPENS_ALONE: ExternalTokenCaller['permissions'] = new Set()

/** Whom a verified token of this provider names. Throws `external_token_invalid`. */
export function callerOfExternalToken(
  idp: IdpState,
  token: VouchedToken,
  crypto: Pick<Crypto, 'sha256'>,
): ExternalTokenCaller {
  requireClaims(token.read, idp)
  const subject = requireSubject(token.read, idp)
  const { tenant, issuer, tier } = idp
  return {
    kind: 'external-token',
    permissions: OPENS_ALONE,
    ...{ tenant, agent: agentNameOf(issuer, subject, crypto), subject, issuer, tier },
    ...{ idp: idp.id, configuredAt: idp.updatedAt },
    ...{ tokenHash: token.hash, issuedAt: token.issuedAt, expiresAt: token.expiresAt },
  }
}

/** The provenance of what this issuer vouches for. */
export const provenanceOf = (issuer: string): string => `federated:${issuer}`
