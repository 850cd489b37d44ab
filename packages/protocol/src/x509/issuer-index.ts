import type { Certificate } from './certificate.ts'
import type { ChainWork } from './chain-work.ts'
import { PathMember } from './path-member.ts'

/** Roots and intermediates by subject. Each certificate stands in it once, as a root where it is both. */
export class IssuerIndex {
  readonly #bySubject = new Map<string, PathMember[]>()

  constructor(roots: readonly Certificate[], intermediates: readonly Certificate[], work: ChainWork) {
    for (const root of roots) this.#add(new PathMember(root, true), work)
    for (const intermediate of intermediates) this.#add(new PathMember(intermediate, false), work)
  }

  /** Those whose subject `member` names as its issuer: the likeliest by key identifiers first, and roots before others. */
  issuersOf(member: PathMember): readonly PathMember[] {
    // Sorting is stable, and roots were added first.
    return (this.#bySubject.get(member.issuer) ?? []).toSorted((a, b) => member.hintAt(b) - member.hintAt(a))
  }

  #add(member: PathMember, work: ChainWork): void {
    const namesakes = this.#bySubject.get(member.subject) ?? []
    work.countCandidates(namesakes.length)
    if (namesakes.some(other => other.certificate.equals(member.certificate))) return
    namesakes.push(member)
    this.#bySubject.set(member.subject, namesakes)
  }
}
