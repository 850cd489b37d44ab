import { ProtocolError } from '../errors.ts'
import { TAG } from './tags.ts'

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const DAY = 86_400
/** 2050-01-01T00:00:00Z: from here on UTCTime cannot say the year (RFC 5280, 4.1.2.5). */
const UTC_TIME_END = 2_524_608_000
const YEAR_1950 = -631_152_000
const END_OF_YEAR_9999 = 253_402_300_799

/**
 * The Unix seconds of a UTCTime or GeneralizedTime: always with seconds, in UTC, never with a fraction (X.690, 11.7 and
 * 11.8), and in the one of the two forms that RFC 5280, 4.1.2.5 prescribes. Throws `der_time_invalid`.
 */
export function decodeTime(tag: number, content: Uint8Array): number {
  const yearDigits = tag === TAG.utcTime ? 2 : 4
  if (content.length !== yearDigits + 11 || content[content.length - 1] !== 0x5a)
    throw new ProtocolError(
      'der_time_invalid',
      `expected ${yearDigits + 10} digits and Z, got ${content.length} octets`,
    )
  const year = yearDigits === 2 ? fullYear(digits(content, 0, 2)) : digits(content, 0, 4)
  const field = (index: number) => digits(content, yearDigits + 2 * index, 2)
  const time = toUnixSeconds(year, field(0), field(1), field(2), field(3), field(4))
  if (yearDigits === 4 && time < UTC_TIME_END)
    throw new ProtocolError('der_time_invalid', 'expected a UTCTime for a date before 2050')
  return time
}

// RFC 5280, 4.1.2.5.1
const fullYear = (year: number) => (year >= 50 ? 1900 + year : 2000 + year)

function digits(content: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const digit = content[i]! - 0x30
    if (digit < 0 || digit > 9) throw new ProtocolError('der_time_invalid', `expected a digit at octet ${i}`)
    value = value * 10 + digit
  }
  return value
}

function toUnixSeconds(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  // A lenient calendar rolls 31 April over to 1 May: another reader would see another date.
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59)
    throw new ProtocolError('der_time_invalid', 'expected a date of the calendar and a time below 24:00:00')
  return daysBefore(year, month, day) * DAY + hour * 3600 + minute * 60 + second
}

const isLeap = (year: number) => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar. */
function daysBefore(year: number, month: number, day: number): number {
  const past = year - 1
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 477
  const inYear = DAYS_BEFORE_MONTH[month - 1]! + (month > 2 && isLeap(year) ? 1 : 0) + day - 1
  return (year - 1970) * 365 + leapDays + inYear
}

/** The tag and content octets of a moment in Unix seconds: UTCTime through 2049, then GeneralizedTime. */
export function encodeTime(time: number): { tag: number; content: Uint8Array } {
  if (!Number.isInteger(time) || time < YEAR_1950 || time > END_OF_YEAR_9999)
    throw new ProtocolError('der_time_invalid', 'expected whole Unix seconds from 1950 to 9999')
  const days = Math.floor(time / DAY)
  const { year, month, day } = civil(days)
  const second = time - days * DAY
  const short = time < UTC_TIME_END
  const fields = [month, day, Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60]
  const content = new Uint8Array(short ? 13 : 15)
  const at = short
    ? writePair(content, 0, year % 100)
    : writePair(content, writePair(content, 0, Math.floor(year / 100)), year % 100)
  fields.forEach((value, index) => {
    writePair(content, at + 2 * index, value)
  })
  content[content.length - 1] = 0x5a
  return { tag: short ? TAG.utcTime : TAG.generalizedTime, content }
}

function writePair(content: Uint8Array, at: number, value: number): number {
  content[at] = 0x30 + Math.floor(value / 10)
  content[at + 1] = 0x30 + (value % 10)
  return at + 2
}

/** The calendar date of a day counted from 1970-01-01. */
function civil(days: number): { year: number; month: number; day: number } {
  let year = 1970 + Math.floor(days / 365.2425)
  if (daysBefore(year, 1, 1) > days) year -= 1
  else if (daysBefore(year + 1, 1, 1) <= days) year += 1
  let month = 12
  while (daysBefore(year, month, 1) > days) month -= 1
  return { year, month, day: days - daysBefore(year, month, 1) + 1 }
}
