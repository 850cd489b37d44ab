const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

/** Hour and day of a moment (Unix milliseconds), in UTC, as policies know them. */
export function timeContext(at: number): Readonly<Record<string, unknown>> {
  const time = new Date(at)
  return { hour: time.getUTCHours(), weekday: WEEKDAYS[time.getUTCDay()] }
}
