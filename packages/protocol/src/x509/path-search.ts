import { ProtocolError } from '../errors.ts'
import type { Crypto } from '../ports.ts'
import { blame } from './blame.ts'
import type { Certificate } from './certificate.ts'
import { type ChainPurpose, checkKey } from './certificate-rules.ts'
import type { ChainWork } from './chain-work.ts'
import { IssuerIndex } from './issuer-index.ts'
import { checkIssuer, countIntermediates } from './issuer-rules.ts'
import { PathMember } from './path-member.ts'
import { SignatureChecks } from './signature-checks.ts'

export interface PathRequest {
  readonly leaf: Certificate
  readonly intermediates: readonly Certificate[]
  readonly roots: readonly Certificate[]
  readonly at: number
  readonly purpose: ChainPurpose
  readonly maxDepth: number
}

/** Self-issued intermediates do not count against `maxDepth`, so they have a limit of their own: a key rollover needs one. */
const MAX_SELF_ISSUED = 4

/** How far an attempt came, from nowhere to a root. */
type Progress = 'issuer unknown' | 'signature wrong' | 'intermediate refused' | 'root refused'
const PROGRESS: readonly Progress[] = ['issuer unknown', 'signature wrong', 'intermediate refused', 'root refused']

interface Failure {
  readonly progress: Progress
  /** Certificates of the path before it failed. */
  readonly depth: number
  readonly error: ProtocolError
}

/**
 * A path from the leaf to a root, leaf first: a depth-first search with backtracking (RFC 4158), since a name may belong to
 * several CA certificates (cross-signing, renewed keys, decoys), and any of them may lead nowhere.
 *
 * @throws ProtocolError what refused the attempt that came furthest; `chain_untrusted` when there was none;
 *   `chain_work_exceeded`
 */
export function findPath(request: PathRequest, crypto: Crypto, work: ChainWork): readonly Certificate[] {
  const path = new PathSearch(request, crypto, work).run()
  return path.map(member => member.certificate)
}

class PathSearch {
  readonly #request: PathRequest
  readonly #work: ChainWork
  readonly #signatures: SignatureChecks
  readonly #issuers: IssuerIndex
  #failure: Failure | null = null

  constructor(request: PathRequest, crypto: Crypto, work: ChainWork) {
    this.#request = request
    this.#work = work
    this.#signatures = new SignatureChecks(crypto, work)
    this.#issuers = new IssuerIndex(request.roots, request.intermediates, work)
  }

  run(): readonly PathMember[] {
    const path = this.#extend([new PathMember(this.#request.leaf, false)])
    if (path === null) throw this.#failure!.error
    return path
  }

  #extend(path: readonly PathMember[]): readonly PathMember[] | null {
    const candidates = this.#issuers.issuersOf(path.at(-1)!)
    this.#work.countCandidates(candidates.length)
    for (const candidate of candidates) {
      // A CA twice (RFC 4158, 5.2): two CAs that certify each other would lead round and round.
      if (!candidate.trusted && path.some(member => member.isSameEntityAs(candidate))) continue
      this.#work.countAttempt()
      if (!this.#admits(candidate, path)) continue
      const longer = [...path, candidate]
      const found = candidate.trusted ? longer : this.#extend(longer)
      if (found !== null) return found
    }
    const detail = `expected the issuer of ${place(path)} among the roots and intermediates`
    this.#note('issuer unknown', path, new ProtocolError('chain_untrusted', detail))
    return null
  }

  #admits(candidate: PathMember, path: readonly PathMember[]): boolean {
    const signed = () => this.#checkSignature(candidate, path)
    if (!this.#passes(path, 'signature wrong', signed)) return false
    const refused = candidate.trusted ? 'root refused' : 'intermediate refused'
    return this.#passes(path, refused, () => this.#checkCandidate(candidate, path))
  }

  /** Runs a check of one attempt. What refuses it is kept, in case that no other attempt comes further. */
  #passes(path: readonly PathMember[], progress: Progress, check: () => void): boolean {
    try {
      check()
      return true
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code === 'chain_work_exceeded') throw error
      this.#note(progress, path, error)
      return false
    }
  }

  #checkSignature(candidate: PathMember, path: readonly PathMember[]): void {
    const member = path.at(-1)!
    const { signatureAlgorithm, signatureOid } = member.certificate
    if (signatureAlgorithm === null)
      throw new ProtocolError('signature_algorithm_forbidden', `${place(path)} is signed with ${signatureOid}`)
    blame(place([...path, candidate]), () => checkKey(candidate.certificate))
    if (this.#signatures.areFrom(candidate, member)) return
    // Another key of the same name is no forger.
    if (member.hintAt(candidate) === -1)
      throw new ProtocolError('chain_untrusted', `expected an issuer of ${place(path)} with the key that it names`)
    throw new ProtocolError('signature_invalid', `expected ${place(path)} to be signed by the key of its issuer`)
  }

  #checkCandidate(candidate: PathMember, path: readonly PathMember[]): void {
    const longer = [...path, candidate]
    if (!candidate.trusted) this.#checkDepth(longer)
    blame(place(longer), () => {
      checkIssuer(candidate, path, this.#request, this.#work)
      if (candidate.trusted) this.#checkRoot(candidate)
    })
  }

  #checkDepth(path: readonly PathMember[]): void {
    const { maxDepth } = this.#request
    const counted = countIntermediates(path)
    if (counted > maxDepth || path.length - 1 - counted > MAX_SELF_ISSUED)
      throw new ProtocolError('chain_too_deep', `expected at most ${maxDepth} intermediates`)
  }

  // RFC 5280, 4.2.1.2, and CA/B Forum baseline requirements, 7.1.2.1.3: a root that signed itself names its own key.
  #checkRoot(root: PathMember): void {
    if (root.isSelfIssued && root.hintAt(root) === -1 && this.#signatures.areFrom(root, root))
      throw new ProtocolError(
        'key_identifier_mismatch',
        'expected the key identifiers of a self-signed root to be equal',
      )
  }

  #note(progress: Progress, path: readonly PathMember[], error: ProtocolError): void {
    const failure = { progress, depth: path.length, error }
    if (this.#failure === null || cameFurther(failure, this.#failure)) this.#failure = failure
  }
}

function cameFurther(a: Failure, b: Failure): boolean {
  const difference = PROGRESS.indexOf(a.progress) - PROGRESS.indexOf(b.progress)
  return difference === 0 ? a.depth > b.depth : difference > 0
}

/** What to call the last certificate of a path in a message. */
function place(path: readonly PathMember[]): string {
  if (path.length === 1) return 'the leaf'
  return path.at(-1)!.trusted ? 'the root' : `intermediate ${path.length - 1}`
}
