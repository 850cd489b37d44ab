// RFC 3339, 5.6. Date.parse alone takes much else, and reads some of it as local time.
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** What is expected of a time, for a refusal. */
export const TIME_EXPECTED = 'expected RFC 3339, such as 2026-01-31T12:00:00Z'

/** Unix milliseconds of a time in a request; null for what is none. */
export function parseTime(text: string): number | null {
  const ms = RFC3339.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}
