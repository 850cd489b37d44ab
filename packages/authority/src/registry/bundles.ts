import { LanyardError } from '@lanyard/api'
import { Bundle, ProtocolError, TrustDomain } from '@lanyard/protocol'
import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { FederatedBundleState, Rows, Step } from '../ports.ts'

/** Other trust domains at most: every node is told of all. */
const BUNDLES_MAX = 100

/**
 * Sets the bundle of another trust domain, as it publishes it. Throws `bundle_invalid`, `tenant_mismatch`: it counts for
 * all tenants, so whoever speaks of one alone may not say whom the others believe.
 */
export function* setBundle(
  rows: Rows,
  input: { readonly trustDomain: string; readonly bundle: string },
  own: string,
  act: Act,
): Step<FederatedBundleState> {
  requireAllTenants(act)
  const { trustDomain, bundle } = requireBundle(input, own)
  const known = yield* rows.federatedBundles.list()
  const before = known.find(other => other.trustDomain === trustDomain.name)
  if (before === undefined && known.length >= BUNDLES_MAX)
    throw new LanyardError('bundle_invalid', `expected at most ${BUNDLES_MAX} other trust domains`)
  // As we read it: what other readers might understand otherwise is not passed on.
  const state = { trustDomain: trustDomain.name, bundle: bundle.toJson(), updatedAt: act.at }
  // Whoever tells nodes looks where the counter of entries has moved.
  yield* rows.entries.bump()
  yield* rows.federatedBundles.put(state)
  const detail = {
    trust_domain: trustDomain.name,
    x509_authorities: bundle.x509Authorities.length,
    jwt_authorities: bundle.jwtAuthorities.size,
    replaced: before !== undefined,
  }
  yield* rows.events.append(eventOf(act, 'bundle.set', {}, detail))
  return state
}

/** Removes the bundle of another trust domain: nobody there is believed any longer. Throws `not_found`, `tenant_mismatch`. */
export function* removeBundle(rows: Rows, trustDomain: string, act: Act): Step<void> {
  requireAllTenants(act)
  const known = yield* rows.federatedBundles.list()
  if (!known.some(other => other.trustDomain === trustDomain))
    throw new LanyardError('not_found', 'there is no bundle of this trust domain')
  yield* rows.entries.bump()
  yield* rows.federatedBundles.remove(trustDomain)
  yield* rows.events.append(eventOf(act, 'bundle.removed', {}, { trust_domain: trustDomain }))
}

function requireAllTenants({ caller }: Act): void {
  if (caller === 'server' || caller.tenant === null) return
  throw new LanyardError('tenant_mismatch', 'expected an API key of all tenants, since a bundle counts for all')
}

function requireBundle({ trustDomain: name, bundle: text }: { trustDomain: string; bundle: string }, own: string) {
  try {
    const trustDomain = TrustDomain.parse(name)
    if (trustDomain.name === own) throw new LanyardError('bundle_invalid', 'expected another trust domain than our own')
    return { trustDomain, bundle: Bundle.parse(trustDomain, text) }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('bundle_invalid', `${error.code}: ${error.message}`)
  }
}
