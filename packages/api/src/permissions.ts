/** What a caller may do: permission → what it allows, for the reference pages and for `permission_missing`. */
export const PERMISSIONS = {
  'agent.read': 'see agents',
  'agent.create': 'register agents',
  'agent.update': 'change an agent: tier, owner, labels, lifecycle',
  'agent.remove': 'retire agents for ever',
  'agent.bootstrap': 'mint agent tokens',
  'agent.kill': 'quarantine and reinstate agents',
  'cert.issue': 'exchange a CSR for a certificate (agents, for themselves)',
  'cert.read': 'see certificates',
  'cert.revoke': 'revoke certificates',
  'tenant.read': 'see tenants',
  'tenant.manage': 'create and change tenants',
  'event.read': 'read the audit events',
  'apikey.manage': 'create, see and delete API keys',
} as const

export type Permission = keyof typeof PERMISSIONS

/** Roles that can be given to an API key. `agent` is what an agent's own credentials amount to and is given to no key. */
export const ROLES = {
  admin: [
    'agent.read',
    'agent.create',
    'agent.update',
    'agent.remove',
    'agent.bootstrap',
    'agent.kill',
    'cert.read',
    'cert.revoke',
    'tenant.read',
    'tenant.manage',
    'event.read',
    'apikey.manage',
  ],
  operator: [
    'agent.read',
    'agent.create',
    'agent.update',
    'agent.remove',
    'agent.bootstrap',
    'agent.kill',
    'cert.read',
    'cert.revoke',
    'tenant.read',
  ],
  auditor: ['agent.read', 'cert.read', 'tenant.read', 'event.read'],
  issuer: ['agent.bootstrap'],
  agent: ['cert.issue', 'cert.revoke'],
} as const satisfies Record<string, readonly Permission[]>

export type RoleName = keyof typeof ROLES

/** The permissions of a role. */
export function permissionsOf(role: RoleName): ReadonlySet<Permission> {
  return new Set<Permission>(ROLES[role])
}
