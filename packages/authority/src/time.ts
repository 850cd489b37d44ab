/**
 * RFC 3339 in UTC of Unix milliseconds. Written out, since this floor has no clock and hence no Date: the calendar
 * arithmetic is that of Howard Hinnant's `civil_from_days`.
 */
export function isoTime(ms: number, fraction: 'seconds' | 'milliseconds' = 'seconds'): string {
  const second = Math.floor(ms / 1000)
  const { year, month, day } = civil(Math.floor(second / 86_400))
  const rest = second - Math.floor(second / 86_400) * 86_400
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':')
  const tail = fraction === 'milliseconds' ? `.${String(ms - second * 1000).padStart(3, '0')}` : ''
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}${tail}Z`
}

const two = (value: number) => String(value).padStart(2, '0')

function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  }
}
