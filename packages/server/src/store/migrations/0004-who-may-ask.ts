import type { Dialect } from '../dialect.ts'
import type { Migration } from './migration.ts'

/** The counter of what policies are in force; like that of entries it is one row. */
export const FIRST_POLICY_REVISION = `insert into policy_revisions (trust_domain, revision)
  select id, 0 from trust_domains where true on conflict do nothing`

export const whoMayAsk: Migration = {
  id: 4,
  name: 'who-may-ask',
  up: dialect => [
    ...federationTables(dialect),
    ...secretTables(dialect),
    ...accessTables(dialect),
    ...policyTables(dialect),
  ],
}

/** Who vouches for agents beside us. */
function federationTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `alter table agents add column external_subject ${t.text}`,
    'create index agents_of_providers on agents (provenance, tenant_id, agent)',
    `create table idps (
      id ${t.bytes} primary key,
      tenant_id ${t.int} not null references tenants (id),
      issuer ${t.text} not null,
      jwks_uri ${t.text},
      audiences ${t.text} not null,
      algorithms ${t.text} not null,
      agent_claim ${t.text} not null,
      required_claims ${t.text} not null,
      max_token_age_sec ${t.int} not null,
      tier ${t.text} not null,
      enabled ${t.int} not null check (enabled in (0, 1)),
      allow_agent_federation ${t.int} not null check (allow_agent_federation in (0, 1)),
      created_by ${t.text} not null,
      updated_by ${t.text} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null,
      unique (tenant_id, issuer)
    )${tableEnd()}`,
    `create table federated_tokens (
      hash ${t.bytes} primary key check (length(hash) = 32),
      tenant_id ${t.int} not null references tenants (id),
      agent ${t.text} not null,
      lineage ${t.bytes} not null,
      expires_at ${t.int} not null
    )${tableEnd({ clustered: true })}`,
    'create index federated_tokens_by_end on federated_tokens (expires_at)',
    `create table admissions (
      tenant_id ${t.int} primary key references tenants (id),
      on_federation ${t.text} not null check (on_federation in ('end', 'drain')),
      agent_mtls_required ${t.int},
      agent_mtls_ca ${t.text}
    )${tableEnd()}`,
    // For auditors: which agents came from whom.
    `create view agents_by_provenance as
      select t.tenant, a.agent, a.spiffe_id, a.provenance, a.external_subject, a.lifecycle, a.created_at
      from agents a join tenants t on t.id = a.tenant_id`,
  ]
}

function secretTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table agent_secrets (
      id ${t.text} primary key,
      tenant_id ${t.int} not null references tenants (id),
      agent_id ${t.int} not null references agents (id),
      hash ${t.bytes} not null check (length(hash) = 32),
      incarnation ${t.int} not null,
      standing ${t.text} not null check (standing in ('current', 'superseded', 'revoked')),
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      ended_at ${t.int}
    )${tableEnd()}`,
    "create unique index agent_secrets_current on agent_secrets (agent_id) where standing = 'current'",
    'create index agent_secrets_of_agent on agent_secrets (agent_id, created_at)',
    'create index agent_secrets_by_maker on agent_secrets (created_by)',
    'create index agent_secrets_by_end on agent_secrets (ended_at) where ended_at is not null',
  ]
}

/** Who manages, by what they have already. */
function accessTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    // What a bounded key gives ends with it at the latest.
    `alter table api_keys add column bounded ${t.int} not null default 0 check (bounded in (0, 1))`,
    `create table roles (
      id ${t.bytes} primary key,
      role ${t.text} not null,
      tenant ${t.text} references tenants (tenant),
      description ${t.text} not null,
      permissions ${t.text} not null,
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null
    )${tableEnd()}`,
    "create unique index roles_by_name on roles (role, coalesce(tenant, ''))",
    `create table issuers_of_principals (
      id ${t.bytes} primary key,
      issuer ${t.text} not null,
      tenant ${t.text} references tenants (tenant),
      jwks_uri ${t.text},
      audiences ${t.text} not null,
      algorithms ${t.text} not null,
      claims ${t.text} not null,
      max_token_age_sec ${t.int} not null,
      introspection ${t.text},
      introspection_secret ${t.bytes},
      login ${t.text},
      enabled ${t.int} not null check (enabled in (0, 1)),
      created_by ${t.text} not null,
      updated_by ${t.text} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null
    )${tableEnd()}`,
    "create unique index issuers_of_principals_by_issuer on issuers_of_principals (issuer, coalesce(tenant, ''))",
    // One asks about opaque tokens: they do not say whose they are.
    `create unique index issuers_that_introspect on issuers_of_principals (coalesce(tenant, ''))
      where introspection is not null and enabled = 1`,
    `create table bindings (
      id ${t.bytes} primary key,
      kind ${t.text} not null check (kind in ('user', 'group', 'spiffe-id', 'certificate')),
      issuer ${t.bytes} references issuers_of_principals (id),
      value ${t.text} not null,
      role ${t.text} not null,
      tenant ${t.text} references tenants (tenant),
      agents ${t.text},
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      expires_at ${t.int}
    )${tableEnd()}`,
    'create index bindings_by_bindee on bindings (value, kind)',
    'create index bindings_by_issuer on bindings (issuer) where issuer is not null',
    'create index bindings_by_time on bindings (created_at, id)',
    'create index bindings_by_maker on bindings (created_by)',
    'create index bindings_by_end on bindings (expires_at) where expires_at is not null',
    // By whose word it is trusted what is trusted of who vouches. It outlives a provider: what that vouched for goes on.
    `create table trusted_settings (
      kind ${t.text} not null check (kind in ('idp', 'issuer')),
      id ${t.text} not null,
      setting ${t.text} not null,
      tenant ${t.text} references tenants (tenant),
      maker ${t.text} not null,
      gone_at ${t.int},
      primary key (id, setting)
    )${tableEnd({ clustered: true })}`,
    'create index trusted_settings_by_maker on trusted_settings (maker)',
    'create index trusted_settings_by_end on trusted_settings (gone_at) where gone_at is not null',
    // A tenant bars within itself, or its admin could shut out who administers all; no tenant is the empty text.
    // Those that were lifted stay: credentials that are older never count again.
    `create table barred_principals (
      principal ${t.bytes} not null,
      scope ${t.text} not null,
      at ${t.int} not null,
      reason ${t.text} not null,
      lifted_at ${t.int},
      primary key (principal, scope)
    )${tableEnd({ clustered: true })}`,
  ]
}

function policyTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table policy_revisions (
      trust_domain ${t.int} primary key references trust_domains (id),
      revision ${t.int} not null check (revision >= 0)
    )${tableEnd()}`,
    // No tenant is the trust domain; it stands as the empty text, since null is no part of a key.
    `create table policy_versions (
      scope ${t.text} not null,
      version ${t.int} not null check (version >= 1),
      policies ${t.text} not null,
      schema_text ${t.text} not null,
      entities ${t.text} not null,
      comment_text ${t.text} not null,
      state ${t.text} not null check (state in ('saved', 'active', 'shadow', 'retired')),
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      activated_at ${t.int},
      follows ${t.int},
      primary key (scope, version)
    )${tableEnd({ clustered: true })}`,
    "create unique index policy_versions_active on policy_versions (scope) where state = 'active'",
    "create unique index policy_versions_shadow on policy_versions (scope) where state = 'shadow'",
  ]
}
