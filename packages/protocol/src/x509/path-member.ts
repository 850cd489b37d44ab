import { equalBytes } from '../bytes.ts'
import { EMAIL_ADDRESS } from '../oids.ts'
import type { Certificate } from './certificate.ts'
import { nameKey } from './name-comparison.ts'
import type { NamesByForm } from './name-constraints.ts'

/** A certificate in a path, with what a search asks of it again and again. */
export class PathMember {
  readonly certificate: Certificate
  /** Whether it is a root: a path ends here. */
  readonly trusted: boolean
  /** Names in a form in which equal names are equal strings. */
  readonly subject: string
  readonly issuer: string

  #judged: { readonly refusal: unknown } | undefined

  constructor(certificate: Certificate, trusted: boolean) {
    this.certificate = certificate
    this.trusted = trusted
    this.subject = nameKey(certificate.subject)
    this.issuer = nameKey(certificate.issuer)
  }

  /** RFC 5280, 6.1: key rollover makes such certificates; path lengths and name constraints pass over them. */
  get isSelfIssued(): boolean {
    return this.subject === this.issuer
  }

  /** Whether both are certificates of one CA: the same name and the same key (RFC 4158, 5.2). */
  isSameEntityAs(other: PathMember): boolean {
    return this.subject === other.subject && equalBytes(this.publicKey, other.publicKey)
  }

  /** The DER SubjectPublicKeyInfo. */
  get publicKey(): Uint8Array {
    return this.certificate.publicKey.der
  }

  /**
   * What the key identifiers say about `issuer` as the one who signed this: 1 it is, 0 nothing, -1 it is not. A hint for
   * the order of attempts and never a reason to refuse: an identifier is whatever its CA wrote there.
   */
  hintAt(issuer: PathMember): 1 | 0 | -1 {
    const wanted = this.certificate.authorityKeyId
    const offered = issuer.certificate.subjectKeyId
    if (wanted === undefined || offered === undefined) return 0
    return equalBytes(wanted, offered) ? 1 : -1
  }

  /** Runs a check that depends on the certificate alone; from the second time on, only repeats what came of it. */
  judgeOnce(check: () => void): void {
    this.#judged ??= outcomeOf(check)
    if (this.#judged.refusal !== null) throw this.#judged.refusal
  }

  /** The names that the constraints of every CA above apply to. */
  constrainedNames(): NamesByForm {
    const { subject, subjectAltName } = this.certificate
    // RFC 5280, 4.2.1.10: mailboxes in the subject count only where there is no subjectAltName.
    const mailboxes = subject.attributes.filter(attribute => attribute.oid === EMAIL_ADDRESS)
    const names = subjectAltName ?? { ...NO_NAMES, email: mailboxes.map(attribute => attribute.text ?? '') }
    return subject.isEmpty ? names : { ...names, directoryName: [subject, ...names.directoryName] }
  }
}

const NO_NAMES: NamesByForm = { dns: [], ip: [], email: [], uri: [], directoryName: [], other: [] }

function outcomeOf(check: () => void): { readonly refusal: unknown } {
  try {
    check()
    return { refusal: null }
  } catch (refusal) {
    return { refusal }
  }
}
