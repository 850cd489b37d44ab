import { randomBytes } from 'node:crypto'
import { invalidError } from '../grpc/refusal.ts'
import type { Identities } from '../workload-api/states.ts'

/** One stream of either kind: what it sends when a request or a new state came; null: nothing. */
export interface SdsStream<Request, Response> {
  asked(request: Request): Response | null
  changed(state: Identities): Response | null
  /** What it sends when all is withdrawn, before it ends. */
  withdrawn(): Response | null
}

/** Names that one stream may ask for: a process with more identities than this asks on several. */
const MOST_NAMES = 1000

/** Nor longer than a SPIFFE ID. */
const LONGEST_NAME = 2048
const MOST_CHARACTERS = 256 * 1024

/** Refuses to remember names without end. Throws InvalidArgument. */
export function requireFew(names: Iterable<string>): void {
  let [count, characters] = [0, 0]
  for (const { length } of names) {
    count++
    characters += length
    if (length > LONGEST_NAME)
      throw invalidError('body_invalid', `expected names of at most ${LONGEST_NAME} characters`)
  }
  if (count > MOST_NAMES || characters > MOST_CHARACTERS)
    throw invalidError('body_invalid', `expected at most ${MOST_NAMES} names, and ${MOST_CHARACTERS} characters`)
}

/** By which a reply says what it answers. */
export const newNonce = (): string => randomBytes(4).toString('hex')
