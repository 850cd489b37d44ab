import { LanyardError } from '@lanyard/api'
import {
  callerOfExternalToken,
  type ExternalTokenCaller,
  type IdpState,
  type KnownRefusal,
  refusedAs,
  requireEnabledIdp,
  requireName,
} from '@lanyard/authority'
import { claimAt } from '../../issuers/claim-at.ts'
import type { Explain, VerifiedToken } from '../../issuers/ports.ts'
import { sourceOf } from '../../issuers/source-of.ts'
import type { HandlerPorts } from '../ports.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'issuers'>

/** Agents by tokens of their tenant's identity provider. */
export class ExternalTokens {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Whom the token names in the tenant of `X-Lanyard-Tenant-Id`: its issuer is looked for there and nowhere else.
   * Throws `tenant_header_missing`, `name_invalid`, `idp_unknown` also for a tenant that is not there, `idp_disabled`,
   * `external_token_invalid`, `external_token_expired`, `idp_unreachable`, `idp_address_forbidden`.
   */
  async caller(token: string, tenant: string | undefined): Promise<ExternalTokenCaller> {
    const { store, rows, issuers, crypto } = this.#ports
    const issuer = issuers.requireIssuerIn(token)
    if (tenant === undefined) throw new LanyardError('tenant_header_missing', 'expected X-Lanyard-Tenant-Id')
    requireName('tenant', tenant)
    const idp = requireEnabledIdp(await store.read(() => rows.idps.findByIssuer(tenant, issuer)))
    const proof = new Proof()
    try {
      const verified = await issuers.verify(token, sourceOf(idp), proof.hear)
      return callerOfExternalToken(idp, vouchedOf(verified), crypto)
    } catch (error) {
      throw proof.signed ? refusedAs(error as object, refusalOf(idp)) : error
    }
  }
}

/**
 * Whether a signature was proved, by whom a refusal is told: everyone can write a token, and fill the store with
 * refusals.
 */
class Proof {
  signed = false

  readonly hear: Explain = (step, ok) => {
    if (step === 'signature' && ok) this.signed = true
  }
}

const refusalOf = ({ id, tenant }: IdpState): KnownRefusal => ({
  agent: { tenant, agent: null },
  actor: `idp:${id}`,
  type: 'federation.refused',
})

/** A verified token, as the authority reads it. */
export const vouchedOf = ({ claims, hash, issuedAt, expiresAt }: VerifiedToken) => ({
  ...{ hash, issuedAt, expiresAt },
  read: (path: string) => claimAt(claims, path),
})
