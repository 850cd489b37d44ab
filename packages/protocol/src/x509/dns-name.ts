/** A dNSName as certificates present it: a host, or every host one label below `base`. Lower case. */
export interface DnsPattern {
  readonly wildcard: boolean
  readonly base: string
}

// RFC 1034, 3.5 and RFC 1123, 2.1: letters, digits and inner hyphens. No underscore, no trailing dot, nothing but ASCII.
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const MAX_LENGTH = 253

/**
 * The host name in lower case, or null when `text` is not one in the preferred name syntax. A name whose last label is
 * a number is none: clients read it as an IPv4 address, which a dNSName must never vouch for.
 */
export function parseDnsName(text: string): string | null {
  if (text.length > MAX_LENGTH) return null
  const name = lowerAscii(text)
  const labels = name.split('.')
  if (!labels.every(label => LABEL.test(label))) return null
  return /^[0-9]+$/.test(labels.at(-1)!) ? null : name
}

/**
 * A dNSName of a certificate, or null when it is malformed. A wildcard must be the whole left-most label (RFC 9525, 6.3),
 * so that it can never be part of an A-label.
 */
export function parseDnsPattern(text: string): DnsPattern | null {
  const wildcard = text.startsWith('*.')
  const base = parseDnsName(wildcard ? text.slice(2) : text)
  return base === null ? null : { wildcard, base }
}

/** `host` without its left-most label, or null for a single label. */
export function parentDomain(host: string): string | null {
  const dot = host.indexOf('.')
  return dot === -1 ? null : host.slice(dot + 1)
}

/** Only ASCII changes: `toLowerCase` would turn U+212A, the Kelvin sign, into a k. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase())
}
