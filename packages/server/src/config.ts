import { KEY_POLICIES, MAX_GRACE_SEC } from '@lanyard/api'
import { z } from 'zod'
import { KEY_ALGORITHMS } from './keys/key-manager.ts'
import { parseNetwork } from './outbound/network.ts'

/** Where the server listens. Port 0 takes any free one. */
export interface Address {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, an IPv6 address in brackets. */
const Listen = z.string().transform((text, context): Address => {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host !== undefined && port <= 65_535) return { host, port }
  context.addIssue({ code: 'custom', message: 'expected HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443' })
  return z.NEVER
})

const MINUTE = 60
const DAY = 86_400

/** A count or a size that must be there. */
const count = (usual: number, least: number, most: number) => z.int().min(least).max(most).default(usual)
const milliseconds = (usual: number) => count(usual, 100, 600_000)

const limits = {
  rate_per_minute: count(1000, 0, 1_000_000).describe(
    'Calls per minute for each identity, and five times as many of each kind of SVID for a node; 0: none is counted',
  ),
  connections: count(10_000, 1, 1_000_000).describe('Open connections'),
  handshakes_per_sec: count(1000, 1, 1_000_000).describe('TLS handshakes begun per second, by all together'),
  handshake_timeout_ms: milliseconds(10_000).describe('Time for a TLS handshake'),
  header_timeout_ms: milliseconds(10_000).describe('Time for the header of a request to arrive'),
  body_timeout_ms: milliseconds(10_000).describe('Time for the body of a request to arrive'),
  idle_timeout_ms: milliseconds(60_000).describe('Time that a connection may stay open between requests'),
  header_bytes: count(16_384, 1024, 1_048_576).describe('Bytes of the header of a request'),
  body_bytes: count(65_536, 1024, 16_777_216).describe('Bytes of the body of a request'),
  http2_streams: count(100, 1, 10_000).describe('Open HTTP/2 streams per connection'),
  http2_resets_per_sec: count(50, 1, 10_000).describe(
    'HTTP/2 streams that a client may reset per second before its connection is closed',
  ),
  shutdown_ms: milliseconds(5000).describe('Time that requests under way have after a signal to stop'),
}

const retention = {
  certificates_hours: count(24, 1, 87_600).describe('Hours that a certificate is remembered after its end'),
  events_days: count(90, 1, 3650).describe('Days that an event is remembered'),
}

const feed = {
  heartbeat_ms: milliseconds(1000).describe('Time between two lines of the feed while nobody dies'),
  poll_ms: count(200, 20, 10_000).describe('Time between two looks at the database for the feed'),
}

const node = {
  cert_ttl_sec: count(60 * MINUTE, MINUTE, DAY).describe('Seconds that the certificate of a node lives'),
  grace_sec: count(7 * DAY, 0, 365 * DAY).describe(
    'Seconds that the certificate of a node may be expired and still renew, with the same key',
  ),
}

const x509pop = {
  ca_file: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'PEM file of the authorities whose machines may become nodes by their certificates; none: no machine may',
    ),
  tenant: z
    .string()
    .max(63)
    .nullable()
    .default(null)
    .describe('The only tenant that such nodes serve; none: they may serve all'),
  groups: z.array(z.string().max(63)).max(32).default([]).describe('Groups that such nodes are in from the beginning'),
}

// A list that holds everything would be no list, without anything that says so.
const SomeNetwork = z
  .string()
  .max(64)
  .refine(text => (parseNetwork(text)?.bits ?? 0) > 0, 'expected a network such as 10.0.0.0/8')
const networks = z.array(SomeNetwork).max(100).default([])
const file = z.string().min(1).nullable().default(null)

const idp = {
  allow_addresses: networks.describe(
    'Networks (CIDR) in which identity providers and issuers may lie although they are private, loopback or link-local',
  ),
  ca_file: file.describe('PEM file of further authorities for the TLS certificates of identity providers and issuers'),
  stale_sec: count(3600, 0, 7 * DAY).describe('Seconds that keys of a provider are used while it cannot be reached'),
  cooldown_sec: count(30, 1, 3600).describe('Seconds between two fetches of keys for an unknown key id'),
}

const agentMtls = {
  required: z
    .boolean()
    .default(false)
    .describe(
      'Whether a session by the secret of an agent needs its client certificate beside, where its tenant says nothing',
    ),
  ca_file: file.describe('PEM file of authorities for client certificates of agents that are no SVIDs of ours'),
  dns_suffix: z
    .string()
    .max(190)
    .nullable()
    .default(null)
    .describe('What <agent>.<tenant>. is put before in the DNS names of such certificates; none: the trust domain'),
}

const operatorCa = {
  file: file.describe('PEM file of authorities for client certificates of operators; none: nobody has one'),
}

/** Ways in which proxies forward the certificate of their client. */
export const PROXY_FORMATS = ['rfc9440', 'envoy', 'alb', 'alb-verify', 'nginx', 'haproxy'] as const

const proxy = {
  format: z
    .enum(PROXY_FORMATS)
    .nullable()
    .default(null)
    .describe('How a trusted proxy forwards client certificates; none: such headers are refused from everybody'),
  header: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,62}$/, 'expected the name of a header')
    .nullable()
    .default(null)
    .describe('The header of format nginx or haproxy; none: X-SSL-Client-Cert'),
  spiffe_ids: z
    .array(z.string().max(2048))
    .max(100)
    .default([])
    .describe('SPIFFE IDs of proxies that prove themselves by their own certificate'),
  socket: file.describe('Path of a Unix socket to listen at for a proxy of this machine; none: at none'),
  dangerously_trust_addresses: networks.describe(
    'Networks (CIDR) from which everybody can pretend to be any agent; for load balancers that cannot prove themselves',
  ),
}

const policy = {
  timeout_ms: count(100, 1, 10_000).describe('Milliseconds after which a decision of the policies counts as a denial'),
  suspended: z
    .boolean()
    .default(false)
    .describe(
      'Ask no policies at all: for an owner who locked everybody out, to roll them back and then be asked again',
    ),
}

const log = {
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least important kind of message that is logged'),
  format: z.enum(['json', 'text']).default('json').describe('One JSON object or one line of text for each message'),
}

const ca = {
  algorithm: z
    .enum(KEY_ALGORITHMS)
    .default('P-256')
    .describe('Keys of the root and the intermediates; the root of an existing store stays as it is'),
}

/** Nothing of it is ever told: it may hold a password. */
const RedisUrl = z.string().regex(/^rediss?:\/\//, 'expected redis://USER:PASSWORD@HOST:PORT or rediss://…')
const StoreUrl = z.string().regex(/^postgres(ql)?:\/\//, 'expected postgres://USER:PASSWORD@HOST:PORT/DATABASE')

/**
 * Everything that can be set about a server, under the same names as in `lanyard.yaml`. Every field has a usable
 * absence. The passphrase is not here: a secret comes by LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE alone.
 */
export const ServerConfig = z.strictObject({
  data: z.string().min(1).default('lanyard-data').describe('Folder of the store and its keys, 0700'),
  store: StoreUrl.nullable()
    .default(null)
    .describe('postgres://… of a store that many instances share; none: a file in the data folder, for one'),
  listen: Listen.prefault('127.0.0.1:8443').describe('HOST:PORT to listen at; port 0 takes any free one'),
  trust_domain: z
    .string()
    .nullable()
    .default(null)
    .describe('Trust domain; none: that of the store, lanyard.internal for a new one'),
  id_template: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'Path of agents in SPIFFE IDs, fixed at the first start; none: that of the store, /tenant/{tenant}/agent/{agent} for a new one',
    ),
  hosts: z
    .array(z.string().min(1).max(253))
    .max(100)
    .default([])
    .describe("Further DNS names and IP addresses of the server, for its own certificate beside this machine's"),
  dns_suffixes: z
    .array(z.string().min(1).max(253))
    .max(100)
    .default([])
    .describe('Domains under which agents may have DNS names; none: no DNS names at all'),
  keys: z
    .enum(['store', 'memory'])
    .default('store')
    .describe('Where private keys lie: wrapped in the store, or nowhere once the process ends'),
  redis: RedisUrl.nullable()
    .default(null)
    .describe('redis://HOST:PORT of a Redis that tells instances of each other; none: the database alone does'),
  ca: z.strictObject(ca).prefault({}),
  max_lineage_sec: count(30 * DAY, 10 * MINUTE, 3650 * DAY).describe(
    'Seconds that renewals may go on before an agent must bootstrap again',
  ),
  renewal_grace_sec: count(60 * MINUTE, 0, MAX_GRACE_SEC).describe(
    'Seconds that a certificate may be expired and still renew, for new tenants',
  ),
  key_policy: z
    .enum(KEY_POLICIES)
    .default('rsa-only')
    .describe('Keys that agents may have, for new tenants: RSA alone, or P-256, P-384 and Ed25519 too'),
  limits: z.strictObject(limits).prefault({}),
  retention: z.strictObject(retention).prefault({}),
  feed: z.strictObject(feed).prefault({}),
  node: z.strictObject(node).prefault({}),
  x509pop: z.strictObject(x509pop).prefault({}),
  idp: z.strictObject(idp).prefault({}),
  agent_mtls: z.strictObject(agentMtls).prefault({}),
  operator_ca: z.strictObject(operatorCa).prefault({}),
  proxy: z.strictObject(proxy).prefault({}),
  policy: z.strictObject(policy).prefault({}),
  log: z.strictObject(log).prefault({}),
})

export type ServerConfig = z.output<typeof ServerConfig>
/** The same as one writes it: everything may be left out. */
export type ServerConfigInput = z.input<typeof ServerConfig>

/** The trust domain of a new store whose owner named none. The top-level domain is reserved for private use. */
export const DEFAULT_TRUST_DOMAIN = 'lanyard.internal'

/** The settings of a server whose owner set nothing but what is given here. */
export function serverConfig(input: ServerConfigInput = {}): ServerConfig {
  return ServerConfig.parse(input)
}
