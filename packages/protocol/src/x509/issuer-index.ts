import { toHex } from '../bytes.ts'
import type { Certificate } from './certificate.ts'
import { PathMember } from './path-member.ts'

/** Roots and intermediates by subject. Each certificate stands in it once, as a root where it is both. */
export class IssuerIndex {
  readonly #bySubject = new Map<string, PathMember[]>()

  constructor(roots: readonly Certificate[], intermediates: readonly Certificate[]) {
    const seen = new Set<string>()
    this.#add(roots, true, seen)
    this.#add(intermediates, false, seen)
  }

  /** Those whose subject `member` names as its issuer: the likeliest by key identifiers first, and roots before others. */
  issuersOf(member: PathMember): readonly PathMember[] {
    // Sorting is stable, and roots were added first.
    return (this.#bySubject.get(member.issuer) ?? []).toSorted((a, b) => member.hintAt(b) - member.hintAt(a))
  }

  #add(certificates: readonly Certificate[], trusted: boolean, seen: Set<string>): void {
    for (const certificate of certificates) {
      const identity = toHex(certificate.der)
      if (seen.has(identity)) continue
      seen.add(identity)
      const member = new PathMember(certificate, trusted)
      const namesakes = this.#bySubject.get(member.subject)
      if (namesakes) namesakes.push(member)
      else this.#bySubject.set(member.subject, [member])
    }
  }
}
