import type { Invocation, Outcome } from '../command.ts'
import { refuse } from '../problem.ts'

/** The story of `lanyard demo`. */
export async function runDemo(_invocation: Invocation): Promise<Outcome | undefined> {
  throw refuse('internal_error', 'the demo is not written yet')
}
