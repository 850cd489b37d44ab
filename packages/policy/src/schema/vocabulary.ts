import { type CredentialKind, LIFECYCLES, PERMISSIONS, type Permission, type Route, routes, TIERS } from '@lanyard/api'

/** Of every type of ours. */
export const NAMESPACE = 'Lanyard'

/** The types that principals have. */
export const PRINCIPALS = ['Agent', 'ApiKey', 'User', 'Certificate', 'Node'] as const
type Principal = (typeof PRINCIPALS)[number]
type Resource = 'Agent' | 'Tenant' | 'TrustDomain' | 'Node'

/** One attribute: its Cedar type, and what it says. All may be missing, unless `always`. */
export interface Attribute {
  readonly type: 'String' | 'Long' | 'Boolean' | 'ipaddr' | 'Node' | 'Set<String>'
  readonly always?: true
  readonly says: string
}

interface EntityType {
  /** The types that it can be in. */
  readonly in: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly tags?: true
  readonly says: string
}

const oneOf = (texts: readonly string[]) => texts.map(text => `\`${text}\``).join(', ')

/** What policies can speak of. */
export const ENTITIES: Readonly<Record<string, EntityType>> = {
  TrustDomain: { in: [], attributes: {}, says: 'the trust domain; its id is its name' },
  Tenant: { in: ['TrustDomain'], attributes: {}, says: 'a tenant; its id is its name' },
  Agent: {
    in: ['Tenant', 'Role'],
    attributes: {
      tenant: { type: 'String', always: true, says: 'name of the tenant' },
      name: { type: 'String', always: true, says: 'its name' },
      tier: { type: 'String', says: `reputation tier: ${oneOf(TIERS)}` },
      lifecycle: { type: 'String', says: `${oneOf(LIFECYCLES)}` },
      provenance: { type: 'String', says: '`internal`, or `federated:` and the issuer that vouches for it' },
      owner: { type: 'String', says: 'who answers for it' },
    },
    tags: true,
    says: 'an agent; its id is its SPIFFE ID, its tags are its labels',
  },
  Node: {
    in: ['Tenant', 'TrustDomain'],
    attributes: {
      tenant: { type: 'String', says: 'name of the tenant that it serves; missing: all' },
      groups: { type: 'Set<String>', says: 'the groups that it is in' },
    },
    says: 'a machine that vouches for its workloads; its id is that of the node',
  },
  ApiKey: {
    in: ['Tenant', 'TrustDomain', 'Role'],
    attributes: {
      name: { type: 'String', says: 'its name' },
      tenant: { type: 'String', says: 'its tenant; missing: all' },
      role: { type: 'String', says: 'its role' },
    },
    says: 'an API key; its id is the public one',
  },
  User: {
    in: ['Group', 'Role'],
    attributes: {
      name: { type: 'String', says: 'as its issuer calls it: to read, not to trust' },
      issuer: {
        type: 'String',
        always: true,
        says: 'the issuer of its token; one that a tenant configured behind its name: `acme/https://…`',
      },
      subject: { type: 'String', always: true, says: 'its `sub` there' },
      method: { type: 'String', says: '`jwt` or `introspection`' },
    },
    says: 'a person or program with a token; its id is the one that `lanyard whoami` shows',
  },
  Certificate: {
    in: ['Role'],
    attributes: { subject: { type: 'String', always: true, says: 'its DN' } },
    says: 'a client certificate of an operator; its id is the one that `lanyard whoami` shows',
  },
  Group: {
    in: [],
    attributes: {},
    says: 'a group of a user; its id is the issuer as above, `#`, and the name that the token says',
  },
  Role: { in: [], attributes: {}, says: 'a role; its id is its name, of a role that a tenant defined `TENANT/NAME`' },
}

/** What is known of a call, whatever it is. */
export const CONTEXT: Readonly<Record<string, Attribute>> = {
  source: { type: 'ipaddr', says: 'where the call came from' },
  hour: { type: 'Long', says: 'hour of the day, 0 to 23, UTC' },
  weekday: { type: 'String', says: '`monday` to `sunday`, UTC' },
  credential: { type: 'String', says: 'kind of the credential: `api-key`, `principal`, `agent-token`, …' },
  tier: { type: 'String', says: 'issuing: the tier that counts, after quarantine and limits' },
  ttl_sec: { type: 'Long', says: 'issuing: the lifetime asked for, seconds' },
  key_type: { type: 'String', says: 'issuing: `RSA`, `P-256`, `P-384`, `P-521`, `Ed25519`' },
  key_bits: { type: 'Long', says: 'issuing: size of the key' },
  provenance: { type: 'String', says: 'issuing: as the agent’s' },
  lineage_age_sec: { type: 'Long', says: 'issuing: since the lineage began, seconds' },
  node: { type: 'Node', says: 'issuing: the node that vouches' },
  door: {
    type: 'String',
    says: 'issuing: by which way: `csr`, `workload`, `jwt`, `wit`, `bootstrap`, `federation`, `secret`',
  },
  operation: { type: 'String', says: '`call`: what is asked of the agent, as its guard names it' },
  method: { type: 'String', says: '`call`: method of the HTTP request' },
  path: { type: 'String', says: '`call`: path of the HTTP request' },
}

/** An action: what groups it is in, who does it, to what. */
export interface ActionType {
  readonly in: readonly Permission[]
  readonly principals: readonly Principal[]
  readonly resources: readonly Resource[]
  readonly says: string
}

const MANAGING: readonly Principal[] = ['Agent', 'ApiKey', 'User', 'Certificate']
const PRINCIPAL_OF: Readonly<Record<CredentialKind, readonly Principal[]>> = {
  'api-key': ['ApiKey'],
  principal: ['Agent', 'User', 'Certificate'],
  'agent-token': ['Agent'],
  'agent-certificate': ['Agent'],
  'agent-secret': ['Agent'],
  'external-token': ['Agent'],
  'node-certificate': ['Node'],
}

/** Actions that are no calls of the API. */
const OWN: Readonly<Record<string, ActionType>> = {
  issue: {
    in: ['cert.issue'],
    principals: PRINCIPALS,
    resources: ['Agent'],
    says: 'a certificate, a token or a lineage is given to an agent',
  },
  call: { in: [], principals: ['Agent'], resources: ['Agent'], says: 'an agent calls another: asked by its guard' },
}

const permission = (says: string): ActionType => ({
  in: [],
  principals: MANAGING,
  resources: ['Agent', 'Tenant', 'TrustDomain'],
  says,
})

/** Every action, by name: permissions, those of our own, then one for each call that is not public. */
export const ACTIONS: Readonly<Record<string, ActionType>> = {
  ...Object.fromEntries(Object.entries(PERMISSIONS).map(([name, says]) => [name, permission(says)])),
  ...OWN,
  ...Object.fromEntries(
    Object.entries<Route>(routes).flatMap(([id, route]) =>
      route.auth.kind === 'public' ? [] : [[id, actionOf(route)]],
    ),
  ),
}

function actionOf({ auth, summary, call }: Route): ActionType {
  if (auth.kind === 'public') throw new TypeError(`${call} is public`)
  const principals = PRINCIPALS.filter(type => auth.accepts.some(kind => PRINCIPAL_OF[kind].includes(type)))
  const ofNodes = principals.includes('Node') || call.includes('/node')
  const group = auth.permission as Permission | null
  return {
    in: group === null ? [] : [group],
    principals,
    resources: ['Agent', 'Tenant', 'TrustDomain', ...(ofNodes ? (['Node'] as const) : [])],
    says: summary,
  }
}
