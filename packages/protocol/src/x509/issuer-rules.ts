import { ProtocolError } from '../errors.ts'
import {
  type ChainPurpose,
  checkIssuerPurpose,
  checkProfile,
  checkRegular,
  checkValidity,
  isCa,
} from './certificate-rules.ts'
import type { ChainWork } from './chain-work.ts'
import { checkNameConstraints } from './name-constraints.ts'
import type { PathMember } from './path-member.ts'

interface IssuerRequest {
  readonly at: number
  readonly purpose: ChainPurpose
}

/**
 * What RFC 5280, 6.1.4 asks of a CA above `below` (the leaf first), and for a root too: it is a certificate that somebody
 * chose, with an end and with limits that its owner wrote into it (RFC 5937), not a bare key.
 *
 * @throws ProtocolError `not_a_ca`, `path_length_exceeded`, `certificate_expired`, `certificate_not_yet_valid`,
 *   `extended_key_usage_forbidden`, `name_constraint_violated`, `name_constraints_invalid`, and as {@link checkProfile}
 */
export function checkIssuer(
  issuer: PathMember,
  below: readonly PathMember[],
  request: IssuerRequest,
  work: ChainWork,
): void {
  issuer.judgeOnce(() => checkStanding(issuer, request))
  checkPathLength(issuer.certificate.basicConstraints?.pathLen, below)
  checkConstraints(issuer, below, work)
}

/** What does not depend on the path. */
function checkStanding({ certificate, trusted }: PathMember, { at, purpose }: IssuerRequest): void {
  if (!trusted) checkRegular(certificate)
  checkProfile(certificate)
  if (!isCa(certificate)) throw new ProtocolError('not_a_ca', 'expected basicConstraints with cA')
  checkValidity(certificate, at, 0)
  checkIssuerPurpose(certificate, purpose)
}

// RFC 5280, 4.2.1.9: intermediates that are not self-issued, so neither the leaf nor a key rollover counts.
function checkPathLength(limit: number | undefined, below: readonly PathMember[]): void {
  const count = countIntermediates(below)
  if (limit !== undefined && count > limit)
    throw new ProtocolError('path_length_exceeded', `expected at most ${limit} intermediates below, got ${count}`)
}

/** Intermediates that are not self-issued, in a path that begins with the leaf. */
export function countIntermediates(path: readonly PathMember[]): number {
  return path.filter((member, index) => index > 0 && !member.isSelfIssued).length
}

// RFC 5280, 6.1.3 (b) and (c): not for self-issued certificates, unless it is the last one.
function checkConstraints(issuer: PathMember, below: readonly PathMember[], work: ChainWork): void {
  const constraints = issuer.certificate.nameConstraints
  if (constraints === undefined) return
  for (const [index, member] of below.entries())
    if (index === 0 || !member.isSelfIssued) checkNameConstraints(constraints, member.constrainedNames(), work)
}
