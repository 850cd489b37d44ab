import type { Exit } from './exit-codes.ts'

/** A refusal as a program sees it: the members of the server's problem documents (RFC 9457), or of our own. */
export interface Problem {
  readonly code: string
  readonly title?: string
  readonly detail?: string | undefined
  readonly remedy?: string
  readonly request_id?: string
  readonly [member: string]: unknown
}

/** The command line, or a file that it names, cannot be used. `given` and `known` find what was meant. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
  readonly given: string | undefined
  readonly known: readonly string[]
  /** The command whose help tells more. */
  command: string | null = null

  constructor(message: string, given?: string, known: readonly string[] = []) {
    super(message)
    this.given = given
    this.known = known
  }

  /** The same misuse, once it is known which command was meant. */
  of(command: string): this {
    this.command = command
    return this
  }
}

/** A refusal with its whole document, such as a reply of the server. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly problem: Problem

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(problem.detail ?? problem.title ?? problem.code, options)
    this.problem = problem
  }
}

/** A refusal of our own, by a code of the catalogue, which adds title and remedy when it is shown. */
export const refuse = (code: string, detail: string, options?: { cause?: unknown }): Refusal =>
  new Refusal({ code, detail }, options)

/** Refusals that may not be repeated tomorrow: the same call can succeed later. */
const PASSING = [
  'server_unreachable',
  'authority_unreachable',
  'not_ready',
  'store_unavailable',
  'rate_limited',
  'instance_evicted',
  'receipt_pending',
  'daemon_unreachable',
  'attestation_failed',
]
const MISUSE = ['usage_invalid', 'config_invalid', 'authority_missing', 'credential_missing']

/** Whether the same call may succeed later. */
export const isPassing = (error: unknown): boolean => error instanceof Refusal && PASSING.includes(error.problem.code)

/** Any error as a problem, and how the program ends with it. */
export async function problemOf(error: unknown): Promise<{ problem: Problem; exit: Exit }> {
  if (error instanceof Misuse) return { problem: await misuseProblem(error), exit: 'misuse' }
  const problem = error instanceof Refusal ? error.problem : codedProblem(error)
  if (problem === null) return { problem: faultProblem(error), exit: 'fault' }
  const exit = PASSING.includes(problem.code) ? 'unavailable' : MISUSE.includes(problem.code) ? 'misuse' : 'refused'
  return { problem: await withRemedy(problem), exit }
}

async function misuseProblem(error: Misuse): Promise<Problem> {
  const { nearestWithinReach } = await import('@lanyard/api')
  const meant = error.given === undefined ? undefined : nearestWithinReach(error.given, error.known)
  const detail = meant === undefined ? error.message : `${error.message}; did you mean ${meant}?`
  const problem = await withRemedy({ code: 'usage_invalid', detail })
  return error.command === null ? problem : { ...problem, remedy: `See \`lanyard ${error.command} --help\`.` }
}

/** Errors of other packages carry their code, and some a remedy (LanyardError, ProtocolError, IdentityError). */
function codedProblem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !/^(Lanyard|Protocol|Identity)Error$/.test(error.name)) return null
  const { code, extras, remedy } = error as Error & { code: string; extras?: object; remedy?: string }
  return { code, detail: error.message, ...(remedy && { remedy }), ...extras }
}

function faultProblem(error: unknown): Problem {
  return {
    code: 'internal_error',
    title: 'Something broke in the command line',
    detail: error instanceof Error ? error.message : String(error),
    remedy: 'Please report it, with the lines above.',
  }
}

async function withRemedy(problem: Problem): Promise<Problem> {
  if (problem.remedy !== undefined) return problem
  const { ERRORS } = await import('@lanyard/api')
  const row = (ERRORS as Record<string, { title: string; remedy: string } | undefined>)[problem.code]
  const { code, detail, ...rest } = problem
  return { code, title: row?.title ?? code, detail, remedy: row?.remedy ?? 'See `lanyard help`.', ...rest }
}
