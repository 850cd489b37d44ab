import { isStorable, LanyardError } from '@lanyard/api'
import { type BindeeState, type Identified, type IssuerState, principalIdOf } from '@lanyard/authority'
import type { Crypto } from '@lanyard/protocol'
import { claimAt } from '../../issuers/claim-at.ts'
import type { VerifiedToken } from '../../issuers/ports.ts'

/** Groups that one principal can be in. */
const GROUPS_MAX = 200
/** Characters of a subject or a group: what a binding can hold. */
const VALUE_MAX = 1024
const NAME_MAX = 256

/** Who a token is of, by what its issuer says. */
export interface TokenIdentity extends Identified {
  readonly subject: string
  readonly name: string
  readonly groups: readonly string[]
}

/** Reads who it is out of verified claims. Throws `external_token_invalid`. */
export function identityIn({ claims, issuedAt }: VerifiedToken, issuer: IssuerState, crypto: Crypto): TokenIdentity {
  const subject = claimAt(claims, issuer.claims.subject)
  if (!isValue(subject))
    throw invalid(`expected claim ${issuer.claims.subject} to be a text of at most ${VALUE_MAX} characters`)
  const groups = groupsIn(claimAt(claims, issuer.claims.groups), issuer.claims.groups)
  const user: BindeeState = { kind: 'user', issuer: issuer.id, value: subject }
  return {
    id: principalIdOf(['user', issuer.id, subject], crypto),
    // What an authorization server does not say of an opaque token is not known.
    issuedAt: (claims.iat ?? null) === null ? null : issuedAt,
    bindees: [user, ...groups.map(value => ({ kind: 'group', issuer: issuer.id, value }) as const)],
    within: issuer.tenant,
    subject,
    name: nameIn(claimAt(claims, issuer.claims.name)) ?? nameIn(subject) ?? '',
    groups,
  }
}

function groupsIn(value: unknown, claim: string): readonly string[] {
  if (value === undefined || value === null) return []
  const groups = Array.isArray(value) ? value : [value]
  if (groups.length > GROUPS_MAX)
    throw invalid(`expected at most ${GROUPS_MAX} groups, got ${groups.length}: let the issuer send fewer`)
  if (!groups.every(isValue)) throw invalid(`expected claim ${claim} to be a list of texts`)
  return [...new Set(groups)]
}

// What cannot be stored could be no binding's.
const isValue = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= VALUE_MAX && isStorable(value)

/** For people to read, without what would deceive a terminal. */
const nameIn = (value: unknown): string | null =>
  typeof value === 'string' && value.length > 0
    ? value
        .slice(0, NAME_MAX)
        .toWellFormed()
        .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
    : null

/**
 * What an authorization server says of an opaque token must be meant for us, as a JWT must: its audiences are
 * configured ones, and no other, and so is its issuer where it names itself. Without an audience every application that
 * somebody has a token for could show it here as theirs. Throws `external_token_invalid`.
 */
export function requireMeantForUs({ claims }: VerifiedToken, { issuer, audiences }: IssuerState): void {
  if (claims.iss !== undefined && claims.iss !== issuer) throw invalid('expected the issuer as it is configured')
  const named = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  if (named.length === 0 || !named.every(one => audiences.includes(one)))
    throw invalid('expected the audiences of the token to be among the configured ones')
}

const invalid = (detail: string) => new LanyardError('external_token_invalid', detail)
