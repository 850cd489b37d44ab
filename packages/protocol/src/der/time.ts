import { ProtocolError } from '../errors.ts'
import { TAG } from './tags.ts'

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const DAY = 86_400
const YEAR_0 = -62_167_219_200
const YEAR_1950 = -631_152_000
const YEAR_2050 = 2_524_608_000
const YEAR_10000 = 253_402_300_800

/**
 * The Unix seconds of a UTCTime or GeneralizedTime: always with seconds, in UTC, never with a fraction (X.690, 11.7 and
 * 11.8). Throws `der_time_invalid`.
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
  return toUnixSeconds(year, field(0), field(1), field(2), field(3), field(4))
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

/** The form that a certificate has to use for a moment: UTCTime through 2049, then GeneralizedTime (RFC 5280, 4.1.2.5). */
export const timeTag = (time: number): number => (time < YEAR_2050 ? TAG.utcTime : TAG.generalizedTime)

/** The content octets of a moment in Unix seconds. Throws `der_time_invalid` for one that the form cannot say. */
export function encodeTime(tag: number, time: number): Uint8Array {
  const [from, to] = tag === TAG.utcTime ? [YEAR_1950, YEAR_2050] : [YEAR_0, YEAR_10000]
  if (!Number.isInteger(time) || time < from || time >= to)
    throw new ProtocolError('der_time_invalid', `expected whole Unix seconds from ${from} and below ${to}`)
  const days = Math.floor(time / DAY)
  const { year, month, day } = civil(days)
  const second = time - days * DAY
  const pairs = [year % 100, month, day, Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60]
  if (tag !== TAG.utcTime) pairs.unshift(Math.floor(year / 100))
  const content = new Uint8Array(2 * pairs.length + 1)
  for (let i = 0; i < pairs.length; i++) {
    content[2 * i] = 0x30 + Math.floor(pairs[i]! / 10)
    content[2 * i + 1] = 0x30 + (pairs[i]! % 10)
  }
  content[content.length - 1] = 0x5a
  return content
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
