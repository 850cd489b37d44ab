import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs'

/** What is wrong where. */
export interface Problem {
  readonly where: 'policies' | 'schema' | 'entities'
  /** Both from 1, in characters; null: of the whole. */
  readonly line: number | null
  readonly column: number | null
  /** The policy as decisions name it, without scope and version; null: of none. */
  readonly policy: string | null
  readonly message: string
}

/** Why a version cannot be used. */
export class PolicyProblems extends Error {
  override readonly name = 'PolicyProblems'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(textOf).join('\n'))
    this.problems = problems
  }
}

/** Where it stands: `policies:3:14`. */
export const placeOf = ({ where, line, column }: Problem): string =>
  [where, line, column].filter(part => part !== null).join(':')

const textOf = (problem: Problem) =>
  `${placeOf(problem)}: ${problem.policy === null ? '' : `${problem.policy}: `}${problem.message}`

/** Where a byte of a text stands: the engine counts bytes of UTF-8, people count lines and characters. */
export function positionAt(text: string, byte: number): { readonly line: number; readonly column: number } {
  const before = Buffer.from(text, 'utf8').subarray(0, byte).toString('utf8')
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: [...before.slice(lineStart)].length + 1 }
}

/** One problem that has no place. */
export const problemOf = (where: Problem['where'], message: string) =>
  new PolicyProblems([{ where, line: null, column: null, policy: null, message }])

/** What the engine says of a text that it does not take. */
export const failure = (where: Problem['where'], text: string, errors: readonly DetailedError[]) =>
  new PolicyProblems(
    errors.flatMap(error => [error, ...(error.related ?? [])]).map(error => problem(where, text, error)),
  )

/** What the engine calls a policy says nothing to those who wrote it. */
const ENGINE_NAME = /for policy `policy\d+`, /g

/** What the engine says of a text, with its place there. */
export function problem(
  where: Problem['where'],
  text: string,
  { message, help, sourceLocations }: DetailedError,
): Problem {
  const [place] = sourceLocations ?? []
  const inside = place !== undefined && place.start <= Buffer.byteLength(text)
  const said = [message, inside ? place.label : null, help]
    .filter(part => part !== null)
    .join('; ')
    .replaceAll(ENGINE_NAME, '')
  return {
    where,
    ...(inside ? positionAt(text, place.start) : { line: null, column: null }),
    policy: null,
    message: said,
  }
}
