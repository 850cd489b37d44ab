import { LanyardError } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import type { ExternalTokenCaller } from '../caller.ts'
import type { IdpState } from '../ports.ts'
import { requireClaims, requireSubject } from './claims.ts'
import { agentNameOf } from './name.ts'

/** What was verified of a token of a provider. */
export interface VouchedToken {
  readonly claims: Readonly<Record<string, unknown>>
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
  requireClaims(token.claims, idp)
  const subject = requireSubject(token.claims, idp)
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

/**
 * Throws `agent_provenance_conflict` unless an agent came from the very one that vouches now: same issuer, same name there.
 * Else a provider takes over what was registered here, or what another brought.
 */
export function requireSameOrigin(
  agent: {
    readonly tenant: string
    readonly agent: string
    readonly provenance: string
    readonly externalSubject: string | null
  },
  { issuer, subject }: Pick<ExternalTokenCaller, 'issuer' | 'subject'>,
): void {
  if (agent.provenance === provenanceOf(issuer) && agent.externalSubject === subject) return
  const detail = `agent ${agent.tenant}/${agent.agent} is ${agent.provenance}, and is not taken over by ${issuer}`
  throw new LanyardError('agent_provenance_conflict', detail)
}
