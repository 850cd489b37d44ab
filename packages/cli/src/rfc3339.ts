import { Misuse } from './problem.ts'

/** Unix milliseconds of a time that an option gives. Only RFC 3339, since every other form means something else somewhere. */
export function parseTime(text: string, option: string): number {
  const form = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
  const at = form.test(text) ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN
  if (Number.isNaN(at))
    throw new Misuse(`${option}: expected a time such as 2026-11-21T06:00:00Z, got ${JSON.stringify(text)}`)
  return at
}
