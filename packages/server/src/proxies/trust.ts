import { LanyardError } from '@lanyard/api'
import { parseIpAddress, SpiffeId } from '@lanyard/protocol'
import { named } from '../authority-file.ts'
import type { ServerConfig } from '../config.ts'
import { contains, parseNetwork } from '../outbound/network.ts'
import { KNOWN_HEADERS, type ProxyFormat, USUAL_HEADER } from './headers.ts'

/** Which proxies are believed, and in which header. Without a format none is. */
export interface ProxyTrust {
  readonly format: ProxyFormat | null
  /** Of format nginx or haproxy, in lower case. */
  readonly header: string
  /** SPIFFE IDs of proxies. Whoever has one speaks for others, and never for itself. */
  readonly spiffeIds: ReadonlySet<string>
  /** Where a proxy of this machine comes in. */
  readonly socket: string | null
  /** Whether everybody at this address is believed. */
  trustsAddress(address: string): boolean
}

/** Names that mean something else to us or to HTTP. */
const TAKEN = new Set([
  ...[
    'authorization',
    'x-lanyard-tenant-id',
    'x-request-id',
    'host',
    'cookie',
    'connection',
    'upgrade',
    'expect',
    'te',
  ],
  ...['content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'trailer', 'accept', 'date', 'via'],
  ...['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'user-agent', 'keep-alive'],
])

/** Reads the settings of proxies. Throws `config_invalid`, naming the setting. */
export function readProxyTrust(settings: ServerConfig['proxy']): ProxyTrust {
  const { format, socket } = settings
  const networks = settings.dangerously_trust_addresses.map(parseNetwork).filter(network => network !== null)
  const spiffeIds = named('proxy.spiffe_ids', () => new Set(settings.spiffe_ids.map(id => `${SpiffeId.parse(id)}`)))
  requireWhole(settings)
  return {
    format,
    header: headerOf(settings),
    spiffeIds,
    socket,
    trustsAddress(address) {
      if (networks.length === 0) return false
      const octets = parseIpAddress(address)
      return octets !== null && networks.some(network => contains(network, octets))
    },
  }
}

/** Half a setting is a slip: either nobody would be believed, or somebody in no format. */
function requireWhole({ format, ...of }: ServerConfig['proxy']): void {
  const believes = of.spiffe_ids.length > 0 || of.socket !== null || of.dangerously_trust_addresses.length > 0
  if (format === null && (believes || of.header !== null)) throw invalid('format', 'expected one beside the others')
  if (format !== null && !believes)
    throw invalid('format', 'expected spiffe_ids, socket or dangerously_trust_addresses beside it')
}

function headerOf({ format, header }: ServerConfig['proxy']): string {
  if (header === null) return USUAL_HEADER
  if (format !== 'nginx' && format !== 'haproxy') throw invalid('header', `format ${format} has its own`)
  const name = header.toLowerCase()
  if (TAKEN.has(name) || (name !== USUAL_HEADER && KNOWN_HEADERS.includes(name)))
    throw invalid('header', `expected a name that means nothing else, got ${header}`)
  return name
}

const invalid = (setting: string, detail: string) => new LanyardError('config_invalid', `proxy.${setting}: ${detail}`)
