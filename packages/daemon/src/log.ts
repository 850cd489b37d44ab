import process from 'node:process'
import type { Log } from './ports.ts'

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 } as const
export type LogLevel = keyof typeof LEVELS
/** The least important first. */
export const LOG_LEVELS = Object.keys(LEVELS) as readonly LogLevel[]

/** How the log is written. */
export interface LogOptions {
  /** The least important kind of message. */
  readonly level: LogLevel
  /** One JSON object, or one line of text for each message. */
  readonly format: 'json' | 'text'
}

/** Where lines go; standard error, since standard output belongs to whoever started us. */
export interface LineSink {
  write(line: string): unknown
}

/** A log of JSON objects, or of lines of text for people. Times are those of the machine. */
export function createLog({ level, format }: LogOptions, sink: LineSink = process.stderr): Log {
  const write = (kind: Exclude<LogLevel, 'silent'>) => (fields: object, message: string) => {
    if (LEVELS[kind] < LEVELS[level]) return
    const shown = Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.message : value])
    sink.write(format === 'json' ? asJson(kind, shown, message) : asText(kind, shown, message))
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

const asJson = (kind: string, fields: unknown[][], msg: string) =>
  `${JSON.stringify({ level: kind, time: new Date().toISOString(), ...Object.fromEntries(fields), msg })}\n`

/** One line, whatever the values hold. */
const asText = (kind: string, fields: unknown[][], message: string) => {
  const rest = fields.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join('')
  return `${new Date().toISOString()} ${kind.padEnd(5)} ${message.replace(/[\r\n]+/g, ' ')}${rest}\n`
}
