import {
  type AgentKey,
  type AgentState,
  createIdp,
  type ExternalTokenCaller,
  exclusive,
  type IdpState,
  type LineageState,
  openFederated,
  shared,
  TokenReused,
  updateAdmission,
} from '@lanyard/authority'
import { Act } from './act.ts'
import { act, agentState, hexOf, operator, type Program, run, type Site, write } from './programs.ts'

/** The provider of the one tenant that has one. */
export const IDP: IdpState = {
  ...{ id: hexOf(700), tenant: 'acme', issuer: 'https://idp.test', jwksUri: null, audiences: [], algorithms: [] },
  ...{ agentClaim: 'sub', requiredClaims: {}, maxTokenAgeSec: 3600, tier: 'restricted' },
  ...{ enabled: true, allowAgentFederation: true },
  ...{ createdBy: 'server', createdAt: 0, updatedBy: 'server', updatedAt: 0 },
}

/** What its word makes of an agent. */
export const federatedAgent = (key: AgentKey): AgentState => ({
  ...agentState(key),
  ...{ provenance: `federated:${IDP.issuer}`, externalSubject: key.agent },
})

/** Whoever shows a token of the provider that names this agent. */
export const tokenOf = ({ tenant, agent }: AgentKey, number: number): ExternalTokenCaller => ({
  ...{ kind: 'external-token', permissions: new Set(), tenant, agent, subject: agent, tier: IDP.tier },
  ...{ idp: IDP.id, issuer: IDP.issuer, configuredAt: IDP.updatedAt, tokenHash: `token-${number}` },
  ...{ issuedAt: Number.MAX_SAFE_INTEGER, expiresAt: Number.MAX_SAFE_INTEGER },
})

/** Lets the provider vouch: from the commit on, nobody else does. */
export function* federate(site: Site, name: string): Program<IdpState | undefined> {
  const { id, tenant, issuer, allowAgentFederation } = IDP
  const input = { id, tenant, issuer, allowAgentFederation }
  return yield* write(site, name, exclusive(tenant), () => createIdp(site.rows, input, operator(site.now())))
}

/** Ends what began internally, of a tenant that let it go on. */
export function* endInternal(site: Site, name: string): Program<unknown> {
  const { tenant } = IDP
  const step = () => updateAdmission(site.rows, tenant, { onFederation: 'end' }, operator(site.now()))
  return yield* write(site, name, exclusive(tenant), step)
}

/** What a token of the provider opens, for this key. */
export function* federatedBootstrap(
  site: Site,
  name: string,
  caller: ExternalTokenCaller,
  { lineage, jkt }: { readonly lineage: string; readonly jkt: string },
): Program<LineageState | undefined> {
  const { tenant } = caller
  const known = yield* run(new Act(site.database, `${name} looks`, null, () => site.rows.agents.find(caller)))
  const locks = known === undefined ? exclusive(tenant) : shared(tenant)
  const fresh = { lineage, jti: `jti-${lineage}` }
  const opening = { jkt, fresh, maxLineageSec: 2_592_000, spiffeIdOf: (key: AgentKey) => agentState(key).spiffeId }
  const opened = yield* act(site, name, locks, caller, (rows, told) => openFederated(rows, opening, told))
  return opened === undefined || opened instanceof TokenReused ? undefined : opened.lineage
}
