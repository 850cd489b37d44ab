import { ProtocolError } from '../errors.ts'
import { SpiffeId, type TrustDomain } from './id.ts'

/** Decides about a proved ID: returns it, or throws `spiffe_id_mismatch`. Never a boolean, which a caller could ignore. */
export type SpiffeIdMatcher = (id: SpiffeId) => SpiffeId

function mismatch(expected: string, got: SpiffeId): ProtocolError {
  return new ProtocolError('spiffe_id_mismatch', `expected ${expected}, got ${got}`)
}

/** Accepts this ID alone. */
export function exactId(expected: SpiffeId): SpiffeIdMatcher {
  return id => {
    if (!id.equals(expected)) throw mismatch(`${expected}`, id)
    return id
  }
}

/** Accepts each of these IDs and no other; an empty list accepts none. */
export function oneOfIds(expected: readonly SpiffeId[]): SpiffeIdMatcher {
  const allowed = new Set(expected.map(String))
  return id => {
    if (!allowed.has(`${id}`)) throw mismatch(`one of ${allowed.size} IDs`, id)
    return id
  }
}

/** Accepts every ID of this trust domain. */
export function memberOf(trustDomain: TrustDomain): SpiffeIdMatcher {
  return id => {
    if (!id.memberOf(trustDomain)) throw mismatch(`a member of ${trustDomain}`, id)
    return id
  }
}

/**
 * Accepts the IDs of this trust domain whose path begins with these segments. Whole segments are compared, so that
 * `('tenant', 'acme')` does not admit `/tenant/acme-evil`.
 *
 * @throws ProtocolError `spiffe_path_*` when a segment could never occur
 * @throws TypeError without a segment: {@link memberOf} says that
 */
export function pathPrefix(trustDomain: TrustDomain, ...segments: readonly string[]): SpiffeIdMatcher {
  if (segments.length === 0) throw new TypeError('pathPrefix needs a segment; memberOf accepts a whole trust domain')
  const { path } = SpiffeId.of(trustDomain, ...segments)
  return id => {
    if (!id.memberOf(trustDomain) || !`${id.path}/`.startsWith(`${path}/`))
      throw mismatch(`an ID at or below spiffe://${trustDomain}${path}`, id)
    return id
  }
}

/** Accepts every ID of every trust domain whose bundle the caller holds. Authenticates, authorises nobody: dangerous. */
export function anyId(): SpiffeIdMatcher {
  return id => id
}
