/** What a caller may do: permission → what it allows, for the reference pages and for `permission_missing`. */
export const PERMISSIONS = {
  'agent.read': 'see agents',
  'agent.create': 'register agents',
  'agent.update': 'change an agent: tier, owner, labels, lifecycle',
  'agent.remove': 'retire agents for ever',
  'agent.bootstrap': 'mint agent tokens',
  'agent.kill': 'kill, quarantine and reinstate agents; kill certificates, keys and what they opened',
  'tenant.kill': 'kill and reinstate whole tenants',
  'incident.read': 'see incidents and their receipts',
  'incident.snapshot': 'read forensic snapshots',
  'feed.read': 'follow the feed, see enforcement points',
  'feed.enrol': 'be an enforcement point (agents, for themselves)',
  'service.announce': 'say where one serves (agents, for themselves)',
  'service.read': 'find where agents serve',
  'instance.read': 'see the instances of the authority',
  'instance.evict': 'put an instance of the authority out of service',
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
    'tenant.kill',
    'incident.read',
    'incident.snapshot',
    'feed.read',
    'service.read',
    'instance.read',
    'instance.evict',
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
    'incident.read',
    'feed.read',
    'service.read',
    'instance.read',
    'cert.read',
    'cert.revoke',
    'tenant.read',
    'event.read',
  ],
  auditor: [
    'agent.read',
    'incident.read',
    'feed.read',
    'service.read',
    'instance.read',
    'cert.read',
    'tenant.read',
    'event.read',
  ],
  issuer: ['agent.bootstrap'],
  agent: ['cert.issue', 'cert.revoke', 'feed.read', 'feed.enrol', 'service.announce', 'service.read'],
} as const satisfies Record<string, readonly Permission[]>

export type RoleName = keyof typeof ROLES

/** The permissions of a role. */
export function permissionsOf(role: RoleName): ReadonlySet<Permission> {
  return new Set<Permission>(ROLES[role])
}
