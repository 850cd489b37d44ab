import { ProtocolError } from '../errors.ts'
import type { Crypto } from '../ports.ts'
import { blame } from './blame.ts'
import type { Certificate } from './certificate.ts'
import {
  type ChainPurpose,
  checkKey,
  checkLeafPurpose,
  checkProfile,
  checkRegular,
  checkValidity,
} from './certificate-rules.ts'
import { ChainWork } from './chain-work.ts'
import { matchIdentity, type ReferenceName } from './identity-match.ts'
import { findPath } from './path-search.ts'

export type { ChainPurpose } from './certificate-rules.ts'
export type { ReferenceName } from './identity-match.ts'

export interface ChainRequest {
  readonly leaf: Certificate
  /** Certificates that may help, in any order; nothing in here is trusted, and what does not help is ignored. */
  readonly intermediates: readonly Certificate[]
  /** Certificates that are trusted as they are. A CA that another one signed may be among them: a path ends there. */
  readonly roots: readonly Certificate[]
  /** The present, in Unix seconds. */
  readonly at: number
  readonly purpose: ChainPurpose
  /** The peer that the leaf must be for. Without it, names are not looked at, except by name constraints. */
  readonly name?: ReferenceName
  /** Intermediates at most, self-issued ones not counted; 8 when absent. */
  readonly maxDepth?: number
  /** Seconds for which a leaf still passes after its end; 0 when absent. CAs have no grace. */
  readonly notAfterGrace?: number
}

const DEFAULT_MAX_DEPTH = 8

/**
 * The path that proves a certificate: the leaf first, the root last (RFC 5280, 6; what is stricter and what is left to others
 * stands in docs/decisions/010-chain-validation.md). A leaf that is itself, byte for byte, among the roots is a path of one:
 * whoever put it there trusts it. Revocation is not looked at.
 *
 * @throws ProtocolError what refuses the leaf, or the attempt that came furthest: `certificate_expired`,
 *   `certificate_not_yet_valid`, `chain_untrusted`, `chain_too_deep`, `chain_work_exceeded`, `signature_invalid`,
 *   `signature_algorithm_forbidden`, `not_a_ca`, `path_length_exceeded`, `key_usage_forbidden`,
 *   `extended_key_usage_forbidden`, `name_constraint_violated`, `name_constraints_invalid`, `name_mismatch`,
 *   `subject_alt_name_invalid`, `reference_name_invalid`, `extension_*`, `key_*`, `certificate_version_forbidden`,
 *   `distinguished_name_missing`, `serial_number_forbidden`, `der_time_invalid`
 * @throws TypeError when a number of the request is none
 */
export function verifyChain(request: ChainRequest, crypto: Crypto): readonly Certificate[] {
  const { leaf, roots, name, maxDepth = DEFAULT_MAX_DEPTH, notAfterGrace = 0 } = request
  requireNumbers(request.at, maxDepth, notAfterGrace)
  blame('the leaf', () => checkLeaf(leaf, request.at, notAfterGrace, request.purpose))
  const trusted = roots.some(root => root.equals(leaf))
  const path = trusted ? [leaf] : findPath({ ...request, maxDepth }, crypto, new ChainWork())
  if (name !== undefined) checkIdentity(leaf, name)
  return Object.freeze(path)
}

/** NaN is neither before a beginning nor after an end: without this, it would make every certificate valid. */
function requireNumbers(at: number, maxDepth: number, notAfterGrace: number): void {
  if (!Number.isFinite(at)) throw new TypeError(`at: expected Unix seconds, got ${at}`)
  for (const [field, value] of Object.entries({ maxDepth, notAfterGrace }))
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${field}: expected a count, got ${value}`)
}

function checkLeaf(leaf: Certificate, at: number, notAfterGrace: number, purpose: ChainPurpose): void {
  checkValidity(leaf, at, notAfterGrace)
  checkRegular(leaf)
  checkProfile(leaf)
  checkKey(leaf)
  checkLeafPurpose(leaf, purpose)
}

function checkIdentity(leaf: Certificate, name: ReferenceName): void {
  // CA/B Forum baseline requirements, 7.1.2.7.12: critical only where the subject is empty.
  if (leaf.subjectAltName?.critical && !leaf.subject.isEmpty)
    throw new ProtocolError('extension_criticality', 'expected subjectAltName not to be critical beside a subject')
  matchIdentity(leaf.subjectAltName, name)
}
