import {
  DEFAULT_ID_TEMPLATE,
  exactId,
  IdTemplate,
  memberOf as memberOfDomain,
  oneOfIds,
  ProtocolError,
  parseName,
  SpiffeId,
  TrustDomain,
} from '@lanyard/protocol'
import { codeOf, IdentityError } from '../errors.ts'

/** What is asked for, as far as a decision can depend on it. */
export interface Route {
  readonly method: string
  /** Path and query. */
  readonly url: string
}

/**
 * Decides about the proved ID of a peer: gives it back, or throws. Never a boolean, which could be ignored: any other
 * result (a promise and `true` too) is a refusal. `own` is the ID of the identity that asks; `route` is what a caller
 * asks for, at the door of a server that speaks HTTP and nowhere else.
 */
export type Authorizer = (peer: SpiffeId, own: SpiffeId, route?: Route) => SpiffeId

/**
 * Accepts these agents and no other, each by its whole SPIFFE ID.
 *
 * @throws ProtocolError `spiffe_*`, `trust_domain_*` for what is not a SPIFFE ID
 */
export function agentId(id: string | SpiffeId, ...more: readonly (string | SpiffeId)[]): Authorizer {
  const ids = [id, ...more].map(each => (typeof each === 'string' ? SpiffeId.parse(each) : each))
  return ids.length === 1 ? exactId(ids[0]!) : oneOfIds(ids)
}

/** How the IDs of a tenant are written, and where. */
export interface TenantOptions {
  /**
   * How the trust domain writes tenant and agent into IDs, where its owner chose another template than the usual one.
   */
  readonly template?: string
  /** The trust domain that the tenant belongs to; the own one when absent. */
  readonly trustDomain?: string
}

/**
 * Accepts every agent of a tenant, in one trust domain.
 *
 * @throws ProtocolError `name_invalid`, `id_template_invalid`, `trust_domain_*`
 */
export function tenant(name: string, options: TenantOptions = {}): Authorizer {
  parseName(name)
  const template = IdTemplate.parse(options.template ?? DEFAULT_ID_TEMPLATE)
  const agentAt = template.toString().slice(1).split('/').indexOf('{agent}')
  const fixed = options.trustDomain === undefined ? null : TrustDomain.parse(options.trustDomain)
  // An ID that cannot change is read once, and not at each request of its connection.
  const accepted = new WeakMap<SpiffeId, SpiffeId>()
  return (peer, own) => {
    if (accepted.get(peer) === own) return peer
    const agent = peer.segments[agentAt]
    // The ID is made anew from tenant and agent and compared as a whole, so no part of it goes unread.
    if (agent !== undefined && peer.equals(template.render(fixed ?? own.trustDomain, name, agent))) {
      accepted.set(peer, own)
      return peer
    }
    throw new ProtocolError('spiffe_id_mismatch', `expected an agent of tenant ${name}, got ${peer}`)
  }
}

/** Accepts every ID of a trust domain, agents of all its tenants and its own services alike. */
export function memberOf(trustDomain: string | TrustDomain): Authorizer {
  return memberOfDomain(typeof trustDomain === 'string' ? TrustDomain.parse(trustDomain) : trustDomain)
}

/** Accepts what one of these accepts. */
export function oneOf(first: Authorizer, ...more: readonly Authorizer[]): Authorizer {
  const authorizers = [first, ...more].map(each => requireAuthorizer(each, 'oneOf'))
  return (peer, own, route) => {
    if (authorizers.some(each => accepts(each, peer, own, route))) return peer
    throw new ProtocolError(
      'spiffe_id_mismatch',
      `expected an ID that one of ${authorizers.length} accepts, got ${peer}`,
    )
  }
}

/**
 * Accepts everyone with any identity of any trust domain whose bundle is held. That tells who calls and asks nothing
 * more: whoever gets a certificate gets in.
 */
export function dangerouslyAny(): Authorizer {
  return peer => peer
}

function accepts(authorizer: Authorizer, peer: SpiffeId, own: SpiffeId, route: Route | undefined): boolean {
  try {
    return authorizer(peer, own, route) === peer
  } catch {
    return false
  }
}

/** Refuses a call without an authorizer: the safe choice is not the default, it is the only way. */
export function requireAuthorizer(value: unknown, name: string): Authorizer {
  if (typeof value === 'function') return value as Authorizer
  throw new TypeError(
    `expected an authorizer as ${name}, got ${value === null ? 'null' : typeof value}: ` +
      'agentId(…), tenant(…), memberOf(…) or dangerouslyAny()',
  )
}

/** @throws IdentityError `peer_not_allowed`, whatever the authorizer throws or returns instead of `peer` */
export function authorize(authorizer: Authorizer, peer: SpiffeId, own: SpiffeId, route?: Route): SpiffeId {
  let answer: unknown
  try {
    answer = authorizer(peer, own, route)
  } catch (cause) {
    const why = cause instanceof ProtocolError ? cause.message : `the authorizer threw ${codeOf(cause)}`
    throw new IdentityError('peer_not_allowed', `${peer} is not allowed: ${why}`, { cause })
  }
  if (answer === peer) return peer
  throw new IdentityError('peer_not_allowed', `${peer} is not allowed: the authorizer did not give it back`)
}
