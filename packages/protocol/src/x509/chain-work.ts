import { ProtocolError } from '../errors.ts'

/**
 * What one validation may cost. A web chain needs about 3 signatures, 5 steps and 100 comparisons; the graphs that make a
 * backtracking search explode (RFC 4158, 2.4: bridges; a hundred CAs of one name) end here instead, within milliseconds.
 */
export const CHAIN_WORK = { signatures: 100, steps: 10_000, comparisons: 250_000 } as const

/** Counts the work of one validation and ends it with `chain_work_exceeded`. */
export class ChainWork {
  #signatures = 0
  #steps = 0
  #comparisons = 0

  /** A signature that is about to be verified. */
  countSignature(): void {
    this.#signatures = add(this.#signatures, 1, CHAIN_WORK.signatures, 'signatures')
  }

  /** A candidate issuer that is about to be considered. */
  countStep(): void {
    this.#steps = add(this.#steps, 1, CHAIN_WORK.steps, 'steps')
  }

  /** Names that are about to be compared with subtrees. */
  countComparisons(count: number): void {
    this.#comparisons = add(this.#comparisons, count, CHAIN_WORK.comparisons, 'name comparisons')
  }
}

function add(done: number, more: number, limit: number, what: string): number {
  if (done + more > limit) throw new ProtocolError('chain_work_exceeded', `expected at most ${limit} ${what}`)
  return done + more
}
