import { LanyardError } from '@lanyard/api'
import type { ExternalTokenCaller } from '../caller.ts'
import type { IdpState, Rows, Step } from '../ports.ts'

/** Asks inside a transaction whether a provider may still vouch. Throws `idp_unknown`, `idp_disabled`. */
export function* requireVouching(rows: Rows, { tenant, idp: id }: ExternalTokenCaller): Step<void> {
  requireEnabled(yield* rows.idps.find(tenant, id))
}

/** The provider, if it may vouch for agents. Throws `idp_unknown`, `idp_disabled`. */
export function requireEnabled(idp: IdpState | undefined): IdpState {
  if (idp === undefined) throw new LanyardError('idp_unknown', 'this tenant has no such identity provider')
  if (idp.enabled && idp.allowAgentFederation) return idp
  throw new LanyardError('idp_disabled', `identity provider ${idp.issuer} may not vouch for agents`)
}
