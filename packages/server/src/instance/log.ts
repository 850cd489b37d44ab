import { isoTime } from '@lanyard/authority'
import { pino } from 'pino'
import type { ServerConfig } from '../config.ts'
import type { Log } from '../http/ports.ts'

/** Where lines go; standard error, since standard output belongs to whoever started us. */
export interface LineSink {
  write(line: string): void
}

/** The log of a server: JSON objects, or lines of text for people. */
export function createLog({ level, format }: ServerConfig['log'], sink: LineSink = process.stderr): Log {
  return pino({ level, base: null }, format === 'json' ? sink : { write: line => sink.write(asText(line)) })
}

/** `2026-11-21T06:00:00Z warn  message key=value …`: one line, whatever the values hold. */
function asText(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: number; msg?: string }
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  return `${isoTime(time)} ${(pino.levels.labels[level] ?? String(level)).padEnd(5)} ${msg ?? ''}${rest.join('')}\n`
}
