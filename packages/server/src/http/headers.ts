import { LanyardError } from '@lanyard/api'

/** The headers that we read. Every other one is ignored. */
export interface ReadHeaders {
  readonly authorization?: string
  readonly 'content-type'?: string
  readonly 'content-length'?: string
  readonly 'content-encoding'?: string
  readonly 'transfer-encoding'?: string
  readonly 'x-lanyard-tenant-id'?: string
  readonly host?: string
  readonly ':authority'?: string
}

const NAMES = new Set<string>([
  'authorization',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'x-lanyard-tenant-id',
  'host',
  ':authority',
] satisfies (keyof ReadHeaders)[])
const LENGTHS = new Set([...NAMES].map(name => name.length))

/**
 * Reads names and values as they came, in turn. One that comes twice is refused with `request_invalid`: Node would take
 * the first, a proxy in front the last, and both would believe that they saw the same credential (CVE-2026-26308).
 */
export function readHeaders(raw: readonly string[]): ReadHeaders {
  const found: Record<string, string> = {}
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const written = raw[i]!
    if (!LENGTHS.has(written.length)) continue
    const name = written.toLowerCase()
    if (!NAMES.has(name)) continue
    if (found[name] !== undefined) throw new LanyardError('request_invalid', `expected one ${name} header, got two`)
    found[name] = raw[i + 1]!
  }
  return found
}
