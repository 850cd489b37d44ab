import { IdentityError } from '@lanyard/sdk/authority'
import type { ProxyRequest } from '@lanyard/sdk/proxy'

/** Longest request, in bytes. */
export const MAX_REQUEST_BYTES = 8192
const MAX_PROTOCOLS = 8

type Read = (value: Readonly<Record<string, unknown>>) => ProxyRequest

const REQUESTS: Readonly<Record<ProxyRequest['do'], Read>> = {
  identity: ({ id, hint }) => ({ do: 'identity', id: textOrNull('id', id), hint: textOrNull('hint', hint) }),
  connect: value => ({ do: 'connect', ...placeIn(value, 1) }),
  listen: value => ({ do: 'listen', ...placeIn(value, 0) }),
  accept: ({ ticket }) => ({ do: 'accept', ticket: text('ticket', ticket) }),
}

/**
 * What a connection to the proxy socket is for.
 *
 * @throws IdentityError `workload_api_refused`
 */
export function parseRequest(line: string): ProxyRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw refused('expected a line of JSON')
  }
  if (typeof value !== 'object' || value === null || !('do' in value)) throw refused('expected an object with "do"')
  const read = Object.hasOwn(REQUESTS, String(value.do)) ? REQUESTS[value.do as ProxyRequest['do']] : undefined
  if (read === undefined) throw refused(`expected do as one of ${Object.keys(REQUESTS).join(', ')}`)
  return read(value as Readonly<Record<string, unknown>>)
}

function placeIn(value: Readonly<Record<string, unknown>>, least: number) {
  const { port, alpn } = value
  if (!Number.isInteger(port) || Number(port) < least || Number(port) > 65_535) throw refused('expected a port')
  if (
    !Array.isArray(alpn) ||
    alpn.length > MAX_PROTOCOLS ||
    !alpn.every(name => /^[\x21-\x7e]{1,64}$/.test(String(name)))
  )
    throw refused('expected alpn as names of protocols')
  const host = text('host', value.host)
  // It goes into a resolver, and to whoever listens there as the name that is asked for.
  if (!/^[A-Za-z0-9._:%-]{1,255}$/.test(host)) throw refused('expected host as a name or an address')
  return { id: text('id', value.id), host, port: Number(port), alpn: alpn.map(String) }
}

function textOrNull(name: string, value: unknown): string | null {
  return value === null ? null : text(name, value)
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 2048 && !value.includes('\0')) return value
  throw refused(`expected ${name} as text`)
}

export const refused = (detail: string): IdentityError => new IdentityError('workload_api_refused', detail)
