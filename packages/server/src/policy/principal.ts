import {
  type AgentKey,
  broughtBy,
  type Caller,
  type PolicyEntityState,
  type PrincipalCaller,
  type Rows,
  type Step,
  type WorkloadCaller,
} from '@lanyard/authority'
import {
  isBuiltIn,
  type Known,
  type NamedAgent,
  ofAgent,
  ofApiKey,
  ofCertificate,
  ofNode,
  ofRole,
  ofUser,
} from './entities.ts'

export interface PrincipalPorts {
  readonly rows: Pick<Rows, 'agents' | 'roles'>
  readonly trustDomain: string
  readonly spiffeIdOf: (agent: AgentKey) => string
}

/** Who asks, as policies know them: as it is stored now, not as its credential said when it was made. */
export function* principalOf(
  { rows, trustDomain, spiffeIdOf }: PrincipalPorts,
  caller: Caller | WorkloadCaller,
): Step<Known> {
  switch (caller.kind) {
    case 'api-key':
      return ofApiKey(caller, yield* roleOf(rows, caller), trustDomain)
    case 'principal':
      return yield* holderOf(rows, caller, trustDomain)
    case 'node-certificate':
      return ofNode(caller, trustDomain)
    case 'workload':
      return ofNode(caller.node, trustDomain)
    case 'external-token':
      // Judged as what it will be: a policy about provenance would else refuse everybody who comes for the first time.
      return ofAgent((yield* rows.agents.find(caller)) ?? broughtBy(caller, spiffeIdOf, caller.issuedAt), trustDomain)
    case 'agent-secret':
    case 'agent-token':
    case 'agent-certificate':
      return yield* agentOf(rows, caller, trustDomain)
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}

function* agentOf(rows: PrincipalPorts['rows'], { tenant, agent, spiffeId }: NamedAgent, domain: string) {
  const stored = yield* rows.agents.find({ tenant, agent })
  return ofAgent(stored ?? { tenant, agent, spiffeId }, domain)
}

function* holderOf(rows: PrincipalPorts['rows'], caller: PrincipalCaller, domain: string): Step<Known> {
  const roles = yield* rolesOf(rows, caller)
  switch (caller.method) {
    case 'jwt':
    case 'introspection':
      return ofUser(caller, roles)
    case 'certificate':
      return ofCertificate(caller, roles)
    case 'svid':
      return yield* boundAgent(rows, caller, domain, roles)
    default:
      throw new TypeError(`unknown method ${caller.method satisfies never}`)
  }
}

/** By the SPIFFE ID that is bound: one of whom it is only asked what they may do has no certificate at hand. */
function* boundAgent(
  rows: PrincipalPorts['rows'],
  { subject, svid }: PrincipalCaller,
  domain: string,
  roles: readonly PolicyEntityState[],
): Step<Known> {
  const agent = (yield* rows.agents.findById(subject)) ?? svid
  if (agent === null) throw new TypeError('expected the agent of a principal by its SVID')
  return ofAgent(agent, domain, roles)
}

/** The roles that count for this call. */
function* rolesOf({ roles }: PrincipalPorts['rows'], { grants }: PrincipalCaller): Step<readonly PolicyEntityState[]> {
  const found = new Map<string, PolicyEntityState>()
  for (const grant of grants) {
    const role = yield* roleOf({ roles }, grant)
    found.set(role.id, role)
  }
  return [...found.values()]
}

/** What a key or a binding calls a role: the tenant's own, or that of all. */
export function* roleOf(
  { roles }: Pick<PrincipalPorts['rows'], 'roles'>,
  { role, tenant }: { readonly role: string; readonly tenant: string | null },
): Step<PolicyEntityState> {
  return ofRole(role, isBuiltIn(role) ? undefined : yield* roles.findByName(role, tenant))
}
