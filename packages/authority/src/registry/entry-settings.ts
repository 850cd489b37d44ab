import { LanyardError } from '@lanyard/api'
import { ProtocolError, TrustDomain } from '@lanyard/protocol'
import { type DnsRules, requireDnsNames } from '../dns-names.ts'
import { lifetimeFor } from '../lifetime.ts'
import type { AgentState, EntryState } from '../ports.ts'
import { requireSelectors } from './selectors.ts'

/** What an entry's owner may set. What is absent stays as it is, null takes a value out. */
export interface EntrySettings {
  readonly selectors?: readonly string[] | undefined
  readonly parent?: string | null | undefined
  readonly x509TtlSec?: number | null | undefined
  readonly jwtTtlSec?: number | null | undefined
  readonly dnsNames?: readonly string[] | undefined
  readonly hint?: string | null | undefined
  readonly federatesWith?: readonly string[] | undefined
  readonly expiresAt?: number | null | undefined
  readonly children?: boolean | undefined
  readonly replicas?: number | undefined
}

/** What this trust domain allows. */
export interface EntryRules extends DnsRules {
  readonly trustDomain: string
}

/** The settings that are there, judged; throws `selector_invalid`, `ttl_out_of_range`, `dns_name_forbidden`, `name_invalid`. */
export function settled(settings: EntrySettings, { tier }: AgentState, rules: EntryRules): Partial<EntryState> {
  const { selectors, dnsNames, federatesWith, x509TtlSec, jwtTtlSec } = settings
  if (dnsNames !== undefined) requireDnsNames(dnsNames, rules)
  if (federatesWith !== undefined) for (const name of federatesWith) requireForeign(name, rules)
  // The tier may fall later: then what is issued lives as long as the new one allows.
  for (const ttl of [x509TtlSec, jwtTtlSec]) lifetimeFor(tier, ttl ?? undefined)
  const present = Object.entries(settings).filter(([name, value]) => value !== undefined && SETTINGS.has(name))
  return {
    ...(Object.fromEntries(present) as Partial<EntryState>),
    ...(selectors === undefined ? {} : { selectors: requireSelectors(selectors) }),
    ...(federatesWith === undefined ? {} : { federatesWith: [...new Set(federatesWith)].sort() }),
  }
}

const SETTINGS: ReadonlySet<string> = new Set([
  'parent',
  'x509TtlSec',
  'jwtTtlSec',
  'dnsNames',
  'hint',
  'expiresAt',
  'children',
  'replicas',
] satisfies (keyof EntrySettings)[])

function requireForeign(name: string, { trustDomain }: EntryRules): void {
  try {
    TrustDomain.parse(name)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('name_invalid', `federates_with: ${error.message}`)
  }
  if (name === trustDomain) throw new LanyardError('name_invalid', 'federates_with: expected other trust domains')
}
