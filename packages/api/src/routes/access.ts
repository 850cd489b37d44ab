import { z } from 'zod'
import { PERMISSIONS, type Permission } from '../permissions.ts'
import { MANAGERS, route } from '../route.ts'
import { AgentPattern, Description, HexId, listOf, Name, page, RoleText, Text, Time } from '../shapes.ts'
import { Algorithms, HttpsUrl } from './idps.ts'

const PermissionName = z.enum(Object.keys(PERMISSIONS) as [Permission, ...Permission[]])

export const AccessRole = z.strictObject({
  /** Null for the built-in ones. */
  id: z.string().nullable(),
  role: z.string(),
  /** Null: of all tenants. */
  tenant: z.string().nullable(),
  description: z.string(),
  permissions: z.array(z.string()),
})
export type AccessRole = z.output<typeof AccessRole>

export const createRole = route({
  call: 'POST /v1/access/roles',
  summary: 'Define a role within the permissions of the caller.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['role.created'],
  body: z.strictObject({
    role: RoleText,
    tenant: Name.optional(),
    description: Description.optional(),
    permissions: z.array(PermissionName).min(1).max(Object.keys(PERMISSIONS).length),
  }),
  status: 201,
  reply: AccessRole,
  errors: ['name_invalid', 'tenant_unknown', 'role_exists', 'role_too_wide', 'too_many_entries'],
})

export const listRoles = route({
  call: 'GET /v1/access/roles',
  summary: 'List roles, the built-in ones first.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional(), ...page }),
  status: 200,
  reply: listOf(AccessRole),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const updateRole = route({
  call: 'PATCH /v1/access/roles/{id}',
  summary: 'Change what a role holds, for everyone who has it.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['role.updated'],
  body: z.strictObject({
    description: Description.optional(),
    permissions: z.array(PermissionName).min(1).max(Object.keys(PERMISSIONS).length).optional(),
  }),
  status: 200,
  reply: AccessRole,
  errors: ['role_unknown', 'role_too_wide', 'last_admin'],
})

export const deleteRole = route({
  call: 'DELETE /v1/access/roles/{id}',
  summary: 'Delete a role that nobody has.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['role.deleted'],
  status: 204,
  errors: ['role_unknown', 'role_in_use'],
})

/**
 * Whom a role is given to. `user`: a subject of an issuer. `group`: whoever has the value among the groups that the
 * issuer says. `spiffe-id`: an agent by its SVID. `certificate`: of the operators' authority, by `dn:CN=…,O=…` (RFC
 * 4514), `dns:…`, `uri:…` or `email:…`.
 */
export const BINDEE_KINDS = ['user', 'group', 'spiffe-id', 'certificate'] as const
const Bindee = z.strictObject({
  kind: z.enum(BINDEE_KINDS),
  /** Id of the issuer, of users and groups alone. */
  issuer: HexId.optional(),
  value: Text.min(1).max(1024),
})
export type Bindee = z.output<typeof Bindee>

export const AccessBinding = z.strictObject({
  id: z.string(),
  kind: z.enum(BINDEE_KINDS),
  issuer: z.string().nullable(),
  value: z.string(),
  role: z.string(),
  tenant: z.string().nullable(),
  agents: z.string().nullable(),
  created_by: z.string(),
  created_at: Time,
  expires_at: Time.nullable(),
})
export type AccessBinding = z.output<typeof AccessBinding>

export const createBinding = route({
  call: 'POST /v1/access/bindings',
  summary:
    'Give a role to a person, a program or a group, for a tenant and a pattern of agents. Nobody gives more than they hold.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['binding.created'],
  body: z.strictObject({
    ...Bindee.shape,
    role: RoleText,
    /** All tenants where none is given. */
    tenant: Name.optional(),
    /** Only calls that name an agent which matches; all calls where none is given. */
    agents: AgentPattern.optional(),
    expires_in_sec: z.int().min(60).max(315_360_000).optional(),
  }),
  status: 201,
  reply: AccessBinding,
  errors: [
    'name_invalid',
    'tenant_unknown',
    'role_unknown',
    'role_too_wide',
    'issuer_unknown',
    'binding_exists',
    'too_many_entries',
  ],
})

export const listBindings = route({
  call: 'GET /v1/access/bindings',
  summary: 'List who has which role.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional(), role: RoleText.optional(), ...page }),
  status: 200,
  reply: listOf(AccessBinding),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const deleteBinding = route({
  call: 'DELETE /v1/access/bindings/{id}',
  summary: 'Take a role away. It counts no more from then on.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['binding.deleted'],
  status: 204,
  errors: ['not_found', 'last_admin'],
})

const Introspection = z.strictObject({ url: HttpsUrl, client_id: Text.min(1).max(256) })
const Login = z.strictObject({ client_id: Text.min(1).max(256), scopes: z.array(Text.min(1).max(128)).max(16) })

const issuerSettings = {
  jwks_uri: HttpsUrl.nullable(),
  audiences: z.array(Text.min(1).max(512)).min(1).max(16),
  algorithms: Algorithms,
  /** Names of claims, or JSON Pointers: who it is, how they are called, which groups they are in. */
  claims: z.strictObject({ subject: Text.min(1).max(256), name: Text.min(1).max(256), groups: Text.min(1).max(256) }),
  max_token_age_sec: z.int().min(30).max(86_400),
  /** RFC 7662, for opaque tokens; null: this issuer has none. At most one issuer of a tenant, and of all tenants. */
  introspection: Introspection.nullable(),
  /** The public client of `lanyard login`; null: nobody logs in by this issuer. */
  login: Login.nullable(),
  enabled: z.boolean(),
}
const partly = z.strictObject(issuerSettings).partial().shape
const Secret = Text.min(1).max(1024)

export const AccessIssuer = z.strictObject({
  id: z.string(),
  issuer: z.string(),
  tenant: z.string().nullable(),
  ...issuerSettings,
  created_by: z.string(),
  created_at: Time,
  updated_by: z.string(),
  updated_at: Time,
})
export type AccessIssuer = z.output<typeof AccessIssuer>

export const createIssuer = route({
  call: 'POST /v1/access/issuers',
  summary: 'Let an issuer vouch for people and programs. What they may do is said by bindings.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['issuer.created'],
  body: z.strictObject({
    issuer: HttpsUrl,
    /** Only roles in this tenant can be bound to what it vouches for; all where none is given. */
    tenant: Name.optional(),
    ...partly,
    audiences: issuerSettings.audiences,
    /** Of the client of `introspection`; kept encrypted, never shown. */
    introspection_secret: Secret.optional(),
  }),
  status: 201,
  reply: AccessIssuer,
  errors: ['name_invalid', 'tenant_unknown', 'issuer_exists', 'idp_address_forbidden', 'too_many_entries'],
})

export const listIssuers = route({
  call: 'GET /v1/access/issuers',
  summary: 'List the issuers of people and programs.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional(), ...page }),
  status: 200,
  reply: listOf(AccessIssuer),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const updateIssuer = route({
  call: 'PATCH /v1/access/issuers/{id}',
  summary: 'Change an issuer. A disabled one vouches for nobody from then on.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['issuer.updated'],
  body: z.strictObject({ ...partly, introspection_secret: Secret.optional() }),
  status: 200,
  reply: AccessIssuer,
  errors: ['issuer_unknown', 'issuer_exists', 'idp_address_forbidden', 'role_too_wide', 'last_admin'],
})

export const deleteIssuer = route({
  call: 'DELETE /v1/access/issuers/{id}',
  summary: 'Delete an issuer, with the bindings of its users and groups.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['issuer.deleted', 'binding.deleted'],
  status: 204,
  errors: ['issuer_unknown', 'last_admin'],
})

export const reinstatePrincipal = route({
  call: 'POST /v1/access/principals/{principal}/reinstate',
  summary: 'Let a person or program come again that a kill shut out. What it minted stays dead.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.manage' },
  limit: { per: 'identity' },
  audit: ['principal.reinstated'],
  status: 204,
  errors: ['permission_missing', 'not_found'],
})

export const explainAccess = route({
  call: 'POST /v1/access/explain',
  summary: 'Explain whether somebody may do something, by which binding, role and policy, or why not.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'access.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  body: z.strictObject({
    /** `api-key` by its id, beside the kinds of bindings. */
    who: z.strictObject({
      kind: z.enum([...BINDEE_KINDS, 'api-key']),
      issuer: HexId.optional(),
      value: Text.min(1).max(1024),
    }),
    /** Groups that the issuer would say of a user. */
    groups: z.array(Text.max(256)).max(64).optional(),
    /** A permission (`agent.kill`) or a call (`killAgent`). */
    action: Text.min(1).max(64),
    tenant: Name.optional(),
    agent: Name.optional(),
  }),
  status: 200,
  reply: z.strictObject({
    allowed: z.boolean(),
    steps: z.array(z.strictObject({ step: z.string(), ok: z.boolean(), detail: z.string() })),
  }),
  errors: ['name_invalid', 'not_found'],
})

export const getLogin = route({
  call: 'GET /v1/login',
  summary: 'Say at which issuers people log in, and as which client.',
  auth: { kind: 'public', because: 'it is asked before anybody has logged in, and tells what every login page shows' },
  limit: { per: 'none', because: 'a small read from memory or one row; connections are limited' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional() }),
  status: 200,
  reply: z.strictObject({
    issuers: z.array(
      z.strictObject({
        id: z.string(),
        issuer: z.string(),
        client_id: z.string(),
        scopes: z.array(z.string()),
        audience: z.string(),
      }),
    ),
  }),
  errors: [],
})
