import { parseName } from '@lanyard/protocol'
import { Authority } from '../client/authority.ts'
import type { GuardPorts } from '../guard/for-identity.ts'
import type { Guard } from '../guard/guard.ts'
import type { Carrier } from '../mtls/carrier.ts'
import { type Attachable, firstSvid } from './first.ts'
import { KeySource } from './keys.ts'
import { type Opening, TokenOpening } from './opening.ts'
import { checkIssuedOptions, type IssuedOptions, type ProviderOptions, type TokenOptions, timeOf } from './options.ts'
import { ProviderOpening } from './provider-opening.ts'
import { Renewal } from './renewal.ts'
import type { SvidListener, SvidSource } from './source.ts'
import type { Svid } from './svid.ts'
import { TokenSource } from './token-source.ts'

const AT_ONCE: ReadonlySet<string> = new Set([
  'authority_untrusted',
  'fingerprint_mismatch',
  'token_unavailable',
  'external_token_invalid',
  'idp_unknown',
])

/** A first certificate, and what goes on from it: it tells whoever is attached. */
export interface Started {
  readonly svid: Svid
  readonly attach: (listener: SvidListener) => SvidSource
  /** Whoever holds the keys, where that is not this process. */
  readonly keeper?: Keeper
}

/** Another program that holds the keys, makes the connections, and hears who is alive. */
export interface Keeper {
  readonly carrier: Carrier
  readonly guard: (ports: Pick<GuardPorts, 'time' | 'turned'>) => Guard
}

/**
 * Gets the first certificate with an agent token, and tries again while the authority cannot be reached.
 *
 * @throws IdentityError, TypeError
 */
export async function startByToken(options: TokenOptions): Promise<Started> {
  return await start(options, new TokenOpening(new TokenSource(options.token, 'token')))
}

/**
 * Gets the first certificate with a token of the tenant's identity provider, and tries again while the authority or the
 * provider cannot be reached, or the token was used before.
 *
 * @throws IdentityError, ProtocolError `name_invalid`, TypeError
 */
export async function startByProvider(options: ProviderOptions): Promise<Started> {
  const tokens = new TokenSource(options.idpToken, 'idpToken')
  return await start(options, new ProviderOpening(parseName(options.tenant), tokens))
}

async function start(options: IssuedOptions, opening: Opening): Promise<Started> {
  checkIssuedOptions(options)
  const time = timeOf(options)
  const renewal = new Renewal({
    authority: new Authority({ ...options, time }),
    keys: new KeySource(options.keyType ?? 'RSA-2048'),
    opening,
    time,
    random: Math.random,
    ttlSec: options.ttlSec,
  })
  const { signal, startTimeoutMs } = options
  return startFrom(renewal, { signal, startTimeoutMs, time, atOnce: AT_ONCE, silent: 'authority_unreachable' })
}

/** Waits for the first certificate of a source, and stops it where none comes. */
export async function startFrom(source: Attachable, options: Parameters<typeof firstSvid>[1]): Promise<Started> {
  try {
    const svid = await firstSvid(source, options)
    return { svid, attach: listener => source.attach(listener) }
  } catch (error) {
    source.stop()
    throw error
  }
}
