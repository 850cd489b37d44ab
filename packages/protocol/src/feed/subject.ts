import { encodeBase64Url } from '../base64.ts'
import { encodeUtf8 } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import type { Credential, Subject, SubjectKind } from './types.ts'

/** Octets of the hash that stand in a line. */
const OCTETS = 16

/**
 * How the feed names what can die: the first 16 bytes of SHA-256(kind ‖ 0 ‖ value), in base64url. Whoever does not know
 * the name does not learn it. Values: SPIFFE ID, tenant name, lineage and issuer key id in hex, key thumbprint.
 */
export function subjectOf(kind: SubjectKind, value: string, crypto: Crypto): Subject {
  return encodeBase64Url(crypto.sha256(encodeUtf8(`${kind}\u0000${value}`)).subarray(0, OCTETS))
}

/** A kind of death that concerns a credential, and the name under which the feed would tell it. */
export interface Concern {
  readonly kind: SubjectKind
  readonly subject: Subject
}

/** Every death that would concern this credential. */
export function concernsOf(credential: Credential, crypto: Crypto): readonly Concern[] {
  const { id, tenant, lineage, keyThumbprint, issuerKeyId } = credential
  const named: readonly (readonly [SubjectKind, string | null])[] = [
    ['agent', id],
    ['tenant', tenant],
    ['lineage', lineage],
    ['key', keyThumbprint],
    ['issuer', issuerKeyId],
  ]
  return named.flatMap(([kind, value]) => (value === null ? [] : [{ kind, subject: subjectOf(kind, value, crypto) }]))
}

/** The subjects whose death would concern this credential. */
export const subjectsOf = (credential: Credential, crypto: Crypto): readonly Subject[] =>
  concernsOf(credential, crypto).map(({ subject }) => subject)
