import { ProtocolError } from '../errors.ts'

/**
 * What one validation may cost. A web chain needs about 3 signatures, 5 attempts and 100 comparisons; the graphs that make
 * a backtracking search explode (RFC 4158, 2.4: bridges; a hundred CAs of one name) end here instead, within a fraction of
 * a second.
 */
export const CHAIN_WORK = { signatures: 100, candidates: 100_000, attempts: 5_000, comparisons: 250_000 } as const

/** Counts the work of one validation and ends it with `chain_work_exceeded`. */
export class ChainWork {
  #signatures = 0
  #candidates = 0
  #attempts = 0
  #comparisons = 0

  /** A signature that is about to be verified. */
  countSignature(): void {
    this.#signatures = add(this.#signatures, 1, CHAIN_WORK.signatures, 'signatures')
  }

  /** Candidate issuers that are about to be looked at. */
  countCandidates(count: number): void {
    this.#candidates = add(this.#candidates, count, CHAIN_WORK.candidates, 'candidate issuers')
  }

  /** A candidate issuer that is about to be judged. */
  countAttempt(): void {
    this.#attempts = add(this.#attempts, 1, CHAIN_WORK.attempts, 'attempts')
  }

  /** Subtrees that are about to be read, or names to be compared with them. */
  countComparisons(count: number): void {
    this.#comparisons = add(this.#comparisons, count, CHAIN_WORK.comparisons, 'name comparisons')
  }
}

function add(done: number, more: number, limit: number, what: string): number {
  if (done + more > limit) throw new ProtocolError('chain_work_exceeded', `expected at most ${limit} ${what}`)
  return done + more
}
