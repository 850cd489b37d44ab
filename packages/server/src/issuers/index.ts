import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { type Certificate, type Crypto, encodePem } from '@lanyard/protocol'
import type { ServerConfig } from '../config.ts'
import type { Log } from '../http/ports.ts'
import { openOutbound } from '../outbound/guarded-fetch.ts'
import { type Outbound, OutboundError, type Resolve } from '../outbound/ports.ts'
import { Introspections } from './introspection.ts'
import { KeySources } from './key-sources.ts'
import type { Issuers } from './ports.ts'
import { issuerIn, requireIssuerIn, verifyExternal } from './verify.ts'

export interface IssuersParts {
  readonly settings: ServerConfig['idp']
  /** Authorities of providers' servers beside those that Node brings. */
  readonly roots: readonly Certificate[]
  readonly clock: Clock
  readonly crypto: Crypto
  readonly log: Log
  /** The system's when absent. */
  readonly resolve?: Resolve
  /** How they are asked; over the network when absent. */
  readonly outbound?: Outbound
}

/** What this server knows of others who sign tokens. Throws TypeError for a network in the settings that is none. */
export function openIssuers(parts: IssuersParts): Issuers {
  const { settings, clock, crypto, log } = parts
  const outbound = parts.outbound ?? outboundOf(parts)
  const times = { staleMs: settings.stale_sec * 1000, cooldownMs: settings.cooldown_sec * 1000 }
  const sources = new KeySources({ outbound, clock, log, ...times })
  const introspections = new Introspections({ outbound, clock, crypto })
  return {
    issuerIn,
    requireIssuerIn,
    verify: (token, source, explain = () => {}) => verifyExternal(token, source, explain, { sources, clock, crypto }),
    introspect: (token, introspector) => introspections.ask(token, introspector),
    requireAddress: url => requireAddress(url, outbound),
  }
}

function outboundOf({ settings, roots, resolve }: IssuersParts): Outbound {
  return openOutbound({
    allow: settings.allow_addresses,
    roots: roots.map(({ der }) => encodePem('CERTIFICATE', der)),
    ...(resolve === undefined ? {} : { resolve }),
  })
}

async function requireAddress(url: string, outbound: Outbound): Promise<void> {
  try {
    await outbound.require(url)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw new LanyardError('idp_address_forbidden', error.message, {}, { cause: error })
  }
}
