import { ROLES } from '@lanyard/api'
import type {
  AgentKey,
  AgentState,
  ApiKeyCaller,
  NodeScope,
  PolicyEntity,
  PolicyEntityState,
  PrincipalCaller,
  RoleState,
} from '@lanyard/authority'

/** An entity with those that it is in: what a question needs of one side. */
export interface Known {
  readonly self: PolicyEntity
  readonly entities: readonly PolicyEntityState[]
}

const entity = (type: string, id: string): PolicyEntity => ({ type, id })
const plain = (type: string, id: string, parents: readonly PolicyEntity[] = []): PolicyEntityState => ({
  ...entity(type, id),
  attributes: {},
  parents,
})

const known = (self: PolicyEntityState, ...others: readonly PolicyEntityState[]): Known => ({
  self: entity(self.type, self.id),
  entities: [self, ...others],
})

/** The trust domain itself. */
export const ofDomain = (domain: string): Known => known(plain('TrustDomain', domain))

export const ofTenant = (tenant: string, domain: string): Known =>
  known(plain('Tenant', tenant, [entity('TrustDomain', domain)]), plain('TrustDomain', domain))

/** The tenant, or the trust domain where there is none. */
export const ofScope = (tenant: string | null, domain: string): Known =>
  tenant === null ? ofDomain(domain) : ofTenant(tenant, domain)

/** An agent of which no more is known than what it is called. */
export type NamedAgent = AgentKey & { readonly spiffeId: string }

/** An agent, as it is stored or as it is named only; `roles` where it manages. */
export function ofAgent(
  agent: AgentState | NamedAgent,
  domain: string,
  roles: readonly PolicyEntityState[] = [],
): Known {
  const { tenant, agent: name, spiffeId } = agent
  const stored = 'tier' in agent ? settingsOf(agent) : {}
  const self: PolicyEntityState = {
    ...entity('Agent', spiffeId),
    attributes: { tenant, name, ...stored },
    parents: [entity('Tenant', tenant), ...roles.map(({ type, id }) => entity(type, id))],
  }
  return known(self, ...ofTenant(tenant, domain).entities, ...roles)
}

const settingsOf = ({ tier, lifecycle, provenance, owner, labels }: AgentState) => ({
  tier,
  lifecycle,
  provenance,
  owner,
  labels,
})

type ApiKeyNames = Pick<ApiKeyCaller, 'id' | 'name' | 'tenant'> & { readonly role: string }

/** `role` as policies know the role of the key. */
export function ofApiKey(
  { id, name, tenant, role: called }: ApiKeyNames,
  role: PolicyEntityState,
  domain: string,
): Known {
  const scope = ofScope(tenant, domain)
  const parents = [scope.self, entity('Role', role.id)]
  const attributes = { name, role: called, tenant: tenant ?? undefined }
  return known({ ...entity('ApiKey', id), attributes, parents }, ...scope.entities, role)
}

export function ofNode({ node, tenant, groups }: NodeScope & { readonly node: string }, domain: string): Known {
  const scope = ofScope(tenant, domain)
  const attributes = { tenant: tenant ?? undefined, groups: [...groups] }
  return known({ ...entity('Node', node), attributes, parents: [scope.self] }, ...scope.entities)
}

/**
 * A person or program with a token. Groups carry their issuer: what another one calls alike is another group. An issuer
 * of a tenant stands behind the name of that tenant, which may have called it as it likes, and says where its keys are.
 */
export function ofUser(caller: PrincipalCaller, roles: readonly PolicyEntityState[]): Known {
  const { id, name, subject, method, issuerTenant } = caller
  const issuer = `${issuerTenant === undefined ? '' : `${issuerTenant}/`}${caller.issuer ?? ''}`
  const groups = caller.groups.map(group => plain('Group', `${issuer}#${group}`))
  const parents = [...groups, ...roles].map(parent => entity(parent.type, parent.id))
  return known({ ...entity('User', id), attributes: { name, issuer, subject, method }, parents }, ...groups, ...roles)
}

export function ofCertificate({ id, subject }: PrincipalCaller, roles: readonly PolicyEntityState[]): Known {
  const parents = roles.map(role => entity(role.type, role.id))
  return known({ ...entity('Certificate', id), attributes: { subject }, parents }, ...roles)
}

/** A role by its name; one that a tenant defined behind the name of that tenant, as `acme/on-call`. */
export const ofRole = (name: string, state: Pick<RoleState, 'tenant'> | undefined): PolicyEntityState =>
  plain('Role', isBuiltIn(name) || !state?.tenant ? name : `${state.tenant}/${name}`)

/** Whether everybody has this role under its name. */
export const isBuiltIn = (role: string): boolean => Object.hasOwn(ROLES, role)

/** Each once, the first that came: principal and resource share what they are in, and may be the same. */
export function together(...sides: readonly Known[]): readonly PolicyEntityState[] {
  const found = new Map<string, PolicyEntityState>()
  for (const state of sides.flatMap(({ entities }) => entities)) {
    const name = `${state.type} ${state.id}`
    const before = found.get(name)
    found.set(name, before === undefined ? state : merged(before, state))
  }
  return [...found.values()]
}

// An agent that manages is in its roles; as what is managed it is not, and yet it is the same.
function merged(a: PolicyEntityState, b: PolicyEntityState): PolicyEntityState {
  const parents = new Map([...a.parents, ...b.parents].map(parent => [`${parent.type} ${parent.id}`, parent]))
  return { ...a, attributes: { ...b.attributes, ...a.attributes }, parents: [...parents.values()] }
}
