/** Every kind of audit event: type → when it is written. */
export const EVENTS = {
  'agent.bootstrapped': 'an agent token was minted and its lineage opened',
  'agent.created': 'an agent was registered',
  'agent.updated': 'an agent was changed',
  'agent.activated': 'the first certificate turned a pending agent active',
  'agent.quarantined': 'an agent lost its identity until it is reinstated',
  'agent.reinstated': 'a quarantined agent may bootstrap again, in its next incarnation',
  'agent.retired': 'an agent ended for ever',
  'apikey.created': 'an API key was made',
  'apikey.revoked': 'an API key was deleted',
  'authority.created': 'a root, an intermediate or a signing key came into being',
  'cert.issued': 'a certificate was issued',
  'cert.refused': 'a known caller was refused a certificate',
  'cert.revoked': 'certificates were revoked',
  'lineage.forked': 'two keys renewed the same certificate; the lineage is frozen',
  'server.started': 'an instance began to serve',
  'server.stopped': 'an instance stopped in good order',
  'tenant.created': 'a tenant was created',
  'tenant.updated': 'a tenant was changed',
  'token.reused': 'a second key came with a token that already served another',
} as const

export type EventType = keyof typeof EVENTS
