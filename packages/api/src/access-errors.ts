import { type ErrorRow, row } from './error-row.ts'

/** Refusals of who may ask: providers, secrets, roles, issuers, policies, proxies. */
export const ACCESS_ERRORS = {
  federation_required: row(
    403,
    'The identity provider of this tenant vouches for its agents, and we mint none',
    'Let the agent show a token of that provider: POST /v1/agent/federated-bootstrap.',
  ),
  idp_exists: row(409, 'This tenant has an identity provider of this issuer', 'Change that one instead.'),
  idp_unknown: row(
    401,
    'No identity provider of this tenant has this issuer',
    'Compare `iss` of the token, letter by letter, with the issuers of the tenant: lanyard idp list.',
  ),
  idp_disabled: row(
    403,
    'This identity provider may not vouch for agents now',
    'An admin of the tenant sets `enabled` and `allow_agent_federation`.',
  ),
  idp_unreachable: row(
    503,
    'The keys of the identity provider cannot be had',
    'Check the provider and the way to it: lanyard idp test says what was tried.',
  ),
  idp_address_forbidden: row(
    400,
    'This address is not for identity providers',
    'Use a public https address, or list the network under `idp.allow_addresses`.',
  ),
  external_token_invalid: row(
    401,
    'The token of the identity provider does not prove this agent',
    'See the detail; lanyard idp test explains each step.',
  ),
  external_token_expired: row(
    401,
    'The token of the identity provider has ended',
    'Get a fresh one from the provider.',
  ),
  agent_provenance_conflict: row(
    409,
    'An agent of this name came from elsewhere',
    'It is never taken over: let the provider call this agent otherwise, or retire the other agent.',
  ),
  tenant_header_missing: row(
    400,
    'Nothing says for which tenant this is',
    'Send the name of the tenant as `X-Lanyard-Tenant-Id`.',
  ),
  secret_superseded: row(
    401,
    'This secret was exchanged for a newer one',
    'Use the newest; if its reply was lost, an operator makes another: lanyard agent secret create.',
  ),
  secret_revoked: row(401, 'This secret was revoked', 'An operator makes another: lanyard agent secret create.'),
  factor_missing: row(
    401,
    'A second factor is required',
    'Present the client certificate of the agent beside its secret.',
  ),
  factor_mismatch: row(
    401,
    'What was shown is of another agent',
    'Present the secret, and the certificate where one is needed, of the very agent that is named; check its name.',
  ),
  factor_untrusted: row(
    401,
    'The client certificate does not prove this agent',
    'Use an SVID of ours, or a certificate of the configured authority that has neither ended nor been revoked.',
  ),
  role_unknown: row(404, 'There is no such role', 'See lanyard access role list.'),
  role_exists: row(409, 'A role of this name exists', 'Choose another name, or change that role.'),
  role_in_use: row(409, 'This role is still given to somebody', 'Delete its bindings and API keys first.'),
  binding_exists: row(409, 'This binding exists', 'Nothing is to be done.'),
  issuer_exists: row(409, 'This issuer is configured', 'Change that one instead.'),
  issuer_unknown: row(404, 'There is no such issuer', 'See lanyard access issuer list.'),
  last_admin: row(
    409,
    'Nobody else could administer this authority afterwards',
    'Give the role admin, for all tenants, to somebody else first: for more than a day.',
  ),
  principal_barred: row(
    403,
    'This person or program was shut out by a kill',
    'An admin must find out why, and may lift it: lanyard access reinstate.',
  ),
  credential_too_old: row(
    401,
    'This credential was issued before its holder was let in again',
    'Get a new one: run lanyard login, fetch a new token, or have a new certificate made.',
  ),
  principal_unbound: row(
    403,
    'You proved who you are, and have no role here',
    'An admin binds you, or a group of yours, to a role: lanyard access bind.',
  ),
  tenant_ambiguous: row(
    400,
    'You have roles in several tenants, and nothing says which one is meant',
    'Name the tenant in the call, or send it as `X-Lanyard-Tenant-Id`.',
  ),
  introspection_failed: row(
    503,
    'The authorization server could not be asked about this token',
    'Try again; check the introspection endpoint of the issuer.',
  ),
  login_unavailable: row(
    400,
    'Nobody can log in here',
    'An admin configures an issuer with a `login` client: lanyard access issuer add.',
  ),
  login_failed: row(401, 'The login did not succeed', 'Run lanyard login again.'),
  session_ended: row(401, 'Your session has ended', 'Run lanyard login.'),
  policy_invalid: row(
    400,
    'These policies cannot be used',
    'Correct what stands under `errors`: lanyard policy check.',
  ),
  policy_unknown: row(404, 'There is no such version of policies', 'See lanyard policy list.'),
  policy_denied: row(403, 'A policy denies this', 'See the policies named in the detail: lanyard policy explain.'),
  policy_failed: row(
    403,
    'A policy could not be asked, which counts as a denial',
    'See the event policy.failed; roll the policies back: lanyard policy rollback.',
  ),
  policy_locks_out: row(
    409,
    'Under these policies you could not change them any more',
    'Permit yourself `policy.manage`, then activate.',
  ),
  proxy_header_untrusted: row(
    400,
    'A header that only a trusted proxy may set came from somebody else',
    'Remove the header; where a proxy set it, configure it under `proxy`.',
  ),
  proxy_header_invalid: row(
    400,
    'The header of the proxy does not hold one client certificate',
    'Send the header once, in the configured format, and strip what clients sent.',
  ),
  proxy_forbidden: row(
    403,
    'This is not possible through a proxy',
    'Connect to the authority itself: renewal proves the key on a TLS connection that ends here.',
  ),
} as const satisfies Record<string, ErrorRow>
