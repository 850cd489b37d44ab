import { LanyardError } from '@lanyard/api'

// RFC 3339, 5.6. Date.parse alone takes much else, and reads some of it as local time.
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** What is expected of a time, for a refusal. */
const EXPECTED = 'expected RFC 3339 from 1970 on, such as 2026-01-31T12:00:00Z'

/**
 * Unix milliseconds of the time at `path` of a request. Throws `body_invalid` or `query_invalid`: a time that is read as
 * another one would mean something else, and nobody would learn of it.
 */
export function readTime(code: 'body_invalid' | 'query_invalid', path: string, text: string): number {
  const ms = RFC3339.test(text) ? Date.parse(text) : Number.NaN
  if (ms >= 0) return ms
  throw new LanyardError(code, `${path}: ${EXPECTED}`, { errors: [{ path, message: EXPECTED }] })
}
