import { LanyardError, nearestWithinReach } from '@lanyard/api'
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
  const errors = result.error.issues.flatMap(issue => faultsOf(issue, '', value)).slice(0, MAX_FAULTS)
  const first = errors[0] ?? { path: '', message: 'not as declared' }
  throw new LanyardError(code, first.path === '' ? first.message : `${first.path}: ${first.message}`, { errors })
}

/** `value`: what the paths of the issue lead through. */
function faultsOf(issue: Issue, above: string, value: unknown): Fault[] {
  const path = join(above, issue.path)
  switch (issue.code) {
    // Fields that nobody declared are named one by one.
    case 'unrecognized_keys':
      return issue.keys.map(key => ({ path: join(path, [shorten(key)]), message: 'unknown field' }))
    case 'invalid_union':
      return unionFaults(issue.errors, path, at(value, issue.path))
    case 'invalid_value':
      return [{ path, message: choiceFault(issue, at(value, issue.path)) }]
    default:
      return [{ path, message: issue.message }]
  }
}

/** Of several forms that a body may have, the one that comes nearest says what is wrong. */
function unionFaults(branches: readonly (readonly Issue[])[], path: string, value: unknown): Fault[] {
  const faults = branches.map(issues => issues.flatMap(issue => faultsOf(issue, path, value)))
  const nearest = faults.reduce((best, next) => (next.length < best.length ? next : best), faults[0] ?? [])
  return nearest.length > 0 ? nearest : [{ path, message: 'matches none of the declared forms' }]
}

/** More than these are a list that nobody reads: the nearest is enough. */
const MAX_CHOICES = 12

function choiceFault({ values, message }: Extract<Issue, { code: 'invalid_value' }>, got: unknown): string {
  if (values.length <= MAX_CHOICES || typeof got !== 'string') return message
  const known = values.map(String)
  const shown = shorten(got)
  const meant = nearestWithinReach(shown, known)
  const hint = meant === undefined ? `, such as ${known[0]}` : ''
  const asked = meant === undefined ? '' : `; did you mean ${meant}?`
  return `expected one of ${known.length} that the reference lists${hint}, got ${JSON.stringify(shown)}${asked}`
}

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step], value)

const join = (above: string, path: readonly PropertyKey[]) =>
  [...(above === '' ? [] : [above]), ...path.map(String)].join('.')

const shorten = (key: string) => (key.length > 64 ? `${key.slice(0, 64)}…` : key)
