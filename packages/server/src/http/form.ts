import { LanyardError } from '@lanyard/api'
import type { z } from 'zod'

type Issue = z.core.$ZodIssue
interface Fault {
  readonly path: string
  readonly message: string
}

/** More faults than these help nobody. */
const MAX_FAULTS = 20

/** The value as declared. Throws `body_invalid` or `query_invalid` with the path of each field that is not. */
export function requireForm<T extends z.ZodType>(
  schema: T,
  value: unknown,
  code: 'body_invalid' | 'query_invalid',
): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.flatMap(issue => faultsOf(issue, '')).slice(0, MAX_FAULTS)
  const first = errors[0] ?? { path: '', message: 'not as declared' }
  throw new LanyardError(code, first.path === '' ? first.message : `${first.path}: ${first.message}`, { errors })
}

function faultsOf(issue: Issue, above: string): Fault[] {
  const path = join(above, issue.path)
  switch (issue.code) {
    // Fields that nobody declared are named one by one.
    case 'unrecognized_keys':
      return issue.keys.map(key => ({ path: join(path, [shorten(key)]), message: 'unknown field' }))
    case 'invalid_union':
      return unionFaults(issue.errors, path)
    default:
      return [{ path, message: issue.message }]
  }
}

/** Of several forms that a body may have, the one that comes nearest says what is wrong. */
function unionFaults(branches: readonly (readonly Issue[])[], path: string): Fault[] {
  const faults = branches.map(issues => issues.flatMap(issue => faultsOf(issue, path)))
  const nearest = faults.reduce((best, next) => (next.length < best.length ? next : best), faults[0] ?? [])
  return nearest.length > 0 ? nearest : [{ path, message: 'matches none of the declared forms' }]
}

const join = (above: string, path: readonly PropertyKey[]) =>
  [...(above === '' ? [] : [above]), ...path.map(String)].join('.')

const shorten = (key: string) => (key.length > 64 ? `${key.slice(0, 64)}…` : key)
