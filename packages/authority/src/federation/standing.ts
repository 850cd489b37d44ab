import { LanyardError } from '@lanyard/api'
import type { ExternalTokenCaller } from '../caller.ts'
import type { IdpState, Rows, Step } from '../ports.ts'

/**
 * Asks inside a transaction whether a provider may still vouch, by the settings that its token was judged by. Throws
 * `idp_unknown`, `idp_disabled`, `not_ready` where they were changed meanwhile.
 */
export function* requireVouching(rows: Rows, { tenant, idp: id, configuredAt }: ExternalTokenCaller): Step<void> {
  const { updatedAt } = requireEnabledIdp(yield* rows.idps.find(tenant, id))
  if (updatedAt !== configuredAt) throw new LanyardError('not_ready', 'the identity provider was changed meanwhile')
}

/** The provider, if it may vouch for agents. Throws `idp_unknown`, `idp_disabled`. */
export function requireEnabledIdp(idp: IdpState | undefined): IdpState {
  if (idp === undefined) throw new LanyardError('idp_unknown', 'this tenant has no such identity provider')
  if (idp.enabled && idp.allowAgentFederation) return idp
  throw new LanyardError('idp_disabled', `identity provider ${idp.issuer} may not vouch for agents`)
}
