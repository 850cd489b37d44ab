import { LanyardError } from '@lanyard/api'
import {
  type AccessGrant,
  type CertificateCaller,
  grantsOf,
  grantsOfAgent,
  type IssuerState,
  type PrincipalCaller,
  type PrincipalMethod,
  permissionsIn,
  principalIdOf,
  requireUnkilledKey,
  type Step,
} from '@lanyard/authority'
import type { VerifiedToken } from '../../issuers/ports.ts'
import { openSecret } from '../../issuers/sealed-secret.ts'
import { sourceOf } from '../../issuers/source-of.ts'
import type { HandlerPorts } from '../ports.ts'
import { OperatorCertificates } from './operator-certificate.ts'
import { isOwnChain } from './own-chain.ts'
import type { PeerChain } from './peer-chain.ts'
import { identityIn, requireMeantForUs } from './principal-token.ts'

type Ports = Pick<
  HandlerPorts,
  'store' | 'rows' | 'clock' | 'crypto' | 'issuers' | 'operatorCa' | 'authorities' | 'sealingSecret'
>

/** Three parts of base64url: it says itself whose it is, and is shown to nobody else. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/
/** What begins so is ours, and is shown to no authorization server whatever is wrong with it. */
const OURS = /^lanyard/i

/** What was proved, before it is asked what that is given. */
type Proved = Pick<
  PrincipalCaller,
  'method' | 'id' | 'name' | 'issuer' | 'issuerTenant' | 'subject' | 'groups' | 'issuedAt' | 'expiresAt'
>

/** People and programs by what they have already. Rows are read at each call: what was taken away counts no more. */
export class Principals {
  readonly #ports: Ports
  readonly #operators: OperatorCertificates

  constructor(ports: Ports) {
    this.#ports = ports
    const { crypto, operatorCa: roots, authorities } = ports
    this.#operators = new OperatorCertificates({ crypto, roots, trustDomain: authorities.trustDomain })
  }

  /** Whether the chain is not one of ours, so that only the operators' authority can stand behind it. */
  isOperator(peer: PeerChain): boolean {
    const { operatorCa, authorities } = this.#ports
    return operatorCa.length > 0 && !isOwnChain(peer, authorities.bundle().x509Authorities)
  }

  /**
   * Who holds this token, by an issuer of all tenants or of the one in `X-Lanyard-Tenant-Id`. Throws `unauthenticated`,
   * `external_token_invalid`, `external_token_expired`, `idp_unreachable`, `introspection_failed`, `principal_unbound`,
   * `principal_barred`, `credential_too_old`.
   */
  async ofToken(token: string, tenant: string | undefined): Promise<PrincipalCaller> {
    if (OURS.test(token)) throw new LanyardError('unauthenticated', 'this credential is not known')
    return JWT.test(token) ? await this.#ofJwt(token, tenant) : await this.#ofOpaque(token, tenant)
  }

  /**
   * An operator by a certificate. Throws `certificate_untrusted`, `certificate_expired`, `key_killed`,
   * `principal_unbound`, `principal_barred`, `credential_too_old`.
   */
  async ofCertificate(peer: PeerChain): Promise<PrincipalCaller> {
    const { store, rows, clock, crypto } = this.#ports
    const { name, bindees, keyThumbprint, beginsAt, endsAt } = this.#operators.of(peer, clock.now())
    const id = principalIdOf(['certificate', name], crypto)
    const grants = await store.read(function* (): Step<readonly AccessGrant[]> {
      yield* requireUnkilledKey(rows, keyThumbprint)
      return yield* grantsOf(rows, { id, issuedAt: beginsAt, bindees, within: null }, clock.now())
    })
    const proved: Proved = { ...provedBy('certificate', id, name), issuedAt: beginsAt, expiresAt: endsAt }
    return { ...callerOf(proved, grants), keyThumbprint }
  }

  /**
   * An agent as what it is bound as; null for one that is bound to nothing, and is the agent alone. Throws
   * `principal_barred`, `credential_too_old`.
   */
  async ofSvid(agent: CertificateCaller): Promise<PrincipalCaller | null> {
    const { store, rows, clock, crypto } = this.#ports
    const id = principalIdOf(['spiffe-id', agent.spiffeId], crypto)
    const { grants, issuedAt } = await store.read(() => grantsOfAgent(rows, agent, id, clock.now()))
    if (grants.length === 0) return null
    const proved: Proved = { ...provedBy('svid', id, agent.spiffeId), issuedAt, expiresAt: agent.expiresAt }
    return { ...callerOf(proved, grants), svid: agent }
  }

  // Several may be configured under one name: of all tenants, and of some. The first whose keys prove the token, and
  // who gives its holder anything, is the one.
  async #ofJwt(token: string, tenant: string | undefined): Promise<PrincipalCaller> {
    const { store, rows, issuers } = this.#ports
    const iss = issuers.issuerIn(token)
    const found = iss === null ? [] : await store.read(() => rows.issuers.byIssuer(iss))
    const asked = candidates(found, tenant)
    return await firstOf(
      asked,
      async issuer => this.#identified('jwt', issuer, await issuers.verify(token, sourceOf(issuer))),
      UNPROVED,
    )
  }

  // That of all tenants comes first, and only what it knows nothing of is shown to a tenant's: whoever names a tenant
  // would else show that tenant's admin a token for everything.
  async #ofOpaque(token: string, tenant: string | undefined): Promise<PrincipalCaller> {
    const { store, rows, issuers, sealingSecret } = this.#ports
    const scopes = tenant === undefined ? [null] : [null, tenant]
    const found = await store.read(function* (): Step<readonly (IssuerState | undefined)[]> {
      const introspecting: (IssuerState | undefined)[] = []
      for (const scope of scopes) introspecting.push(yield* rows.issuers.introspecting(scope))
      return introspecting
    })
    const asked = found.filter(issuer => issuer !== undefined)
    return await firstOf(
      asked,
      async issuer => {
        const { url, clientId } = issuer.introspection!
        const clientSecret =
          issuer.introspectionSecret && openSecret(issuer.introspectionSecret, issuer.id, sealingSecret)
        const verified = await issuers.introspect(token, { url, clientId, clientSecret })
        requireMeantForUs(verified, issuer)
        return this.#identified('introspection', issuer, verified)
      },
      UNKNOWN,
    )
  }

  async #identified(method: PrincipalMethod, issuer: IssuerState, verified: VerifiedToken): Promise<PrincipalCaller> {
    const { store, rows, clock, crypto } = this.#ports
    const identity = identityIn(verified, issuer, crypto)
    const grants = await store.read(() => grantsOf(rows, identity, clock.now()))
    const { id, issuedAt, name, subject, groups } = identity
    const expiresAt = verified.saidToEndAt ?? verified.expiresAt
    const of = issuer.tenant === null ? {} : { issuerTenant: issuer.tenant }
    return callerOf({ method, id, name, issuer: issuer.issuer, ...of, subject, groups, issuedAt, expiresAt }, grants)
  }
}

const provedBy = (method: PrincipalMethod, id: string, subject: string) =>
  ({ method, id, name: subject, issuer: null, subject, groups: [] }) as const

const callerOf = (proved: Proved, grants: readonly AccessGrant[]): PrincipalCaller => ({
  kind: 'principal',
  ...proved,
  grants,
  permissions: permissionsIn(grants),
  tenant: tenantOf(grants),
  agents: null,
  rateLimit: null,
  svid: null,
})

/** All tenants for whoever has anything there, else the only one; of several none is meant before a call names it. */
function tenantOf(grants: readonly AccessGrant[]): string | null {
  const tenants = new Set(grants.map(({ tenant }) => tenant))
  if (tenants.has(null)) return null
  return tenants.size === 1 ? [...tenants][0]! : ''
}

/** Of all tenants first; a tenant's own where the call names it, or where there is no other. */
function candidates(found: readonly IssuerState[], tenant: string | undefined): readonly IssuerState[] {
  const ofAll = found.filter(issuer => issuer.tenant === null)
  const own = found.filter(issuer => issuer.tenant !== null && issuer.tenant === tenant)
  if (tenant !== undefined || ofAll.length > 0) return [...ofAll, ...own]
  return found.length === 1 ? found : []
}

/** What one refuses since it does not know it, another may. What could not be asked is not passed over. */
const UNPROVED: ReadonlySet<string> = new Set(['external_token_invalid', 'principal_unbound'])
/**
 * An opaque token that one knows is shown to no other, also where it opens nothing here: elsewhere it may open much.
 */
const UNKNOWN: ReadonlySet<string> = new Set(['unauthenticated'])

async function firstOf<T>(
  issuers: readonly T[],
  prove: (issuer: T) => Promise<PrincipalCaller>,
  passed: ReadonlySet<string>,
): Promise<PrincipalCaller> {
  let refusal = new LanyardError('unauthenticated', 'no issuer that is configured here vouches for this credential')
  for (const issuer of issuers) {
    try {
      return await prove(issuer)
    } catch (error) {
      if (!(error instanceof LanyardError) || !passed.has(error.code)) throw error
      // Who was proved and has no role learns that, whatever the others say.
      if (refusal.code !== 'principal_unbound') refusal = error
    }
  }
  throw refusal
}
