import type { Dialect } from '../dialect.ts'
import type { Migration } from './migration.ts'

export const foundation: Migration = {
  id: 1,
  name: 'foundation',
  up: dialect => [...authorityTables(dialect), ...registryTables(dialect), ...recordTables(dialect)],
}

/** The trust domain, and who signs in it. */
function authorityTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table meta (key ${t.text} primary key, value ${t.text} not null)${tableEnd({ clustered: true })}`,
    `create table trust_domains (id ${t.counted}, name ${t.text} not null unique)${tableEnd()}`,
    `create table epoch (
      trust_domain ${t.int} primary key references trust_domains (id),
      epoch ${t.int} not null check (epoch >= 0)
    )${tableEnd()}`,
    `create table instances (
      id ${t.counted}, uuid ${t.text} not null unique, created_at ${t.int} not null
    )${tableEnd()}`,
    `create table issuers (
      id ${t.counted},
      trust_domain ${t.int} not null references trust_domains (id),
      key_id ${t.bytes} not null,
      unique (trust_domain, key_id)
    )${tableEnd()}`,
    `create table authorities (
      key_id ${t.bytes} primary key,
      purpose ${t.text} not null,
      instance ${t.text} references instances (uuid),
      algorithm ${t.text} not null,
      certificate ${t.bytes},
      sealed ${t.bytes},
      state ${t.text} not null check (state in ('active', 'retired')),
      created_at ${t.int} not null,
      not_after ${t.int}
    )${tableEnd()}`,
  ]
}

/** Who has an identity, and who may ask for one. */
function registryTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table tenants (
      id ${t.counted},
      trust_domain ${t.int} not null references trust_domains (id),
      tenant ${t.text} not null unique,
      key_policy ${t.text} not null,
      renewal_grace_sec ${t.int} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null
    )${tableEnd()}`,
    `create table agents (
      id ${t.counted},
      tenant_id ${t.int} not null references tenants (id),
      agent ${t.text} not null,
      spiffe_id ${t.text} not null unique,
      tier ${t.text} not null,
      lifecycle ${t.text} not null,
      provenance ${t.text} not null,
      owner ${t.text} not null,
      description ${t.text} not null,
      labels ${t.text} not null,
      incarnation ${t.int} not null,
      dead_through ${t.int} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null,
      unique (tenant_id, agent),
      check (dead_through >= 0 and dead_through <= incarnation)
    )${tableEnd()}`,
    `create table lineages (
      no ${t.counted},
      id ${t.bytes} not null unique check (length(id) = 16),
      tenant_id ${t.int} not null references tenants (id),
      agent_id ${t.int} not null references agents (id),
      incarnation ${t.int} not null,
      opened_at ${t.int} not null,
      ends_at ${t.int} not null,
      minted_by ${t.text} not null,
      jti ${t.text} not null,
      jkt ${t.text},
      standing ${t.text} not null check (standing in ('open', 'frozen', 'ended')),
      generation ${t.int} not null,
      newest_key ${t.bytes}
    )${tableEnd()}`,
    'create index lineages_of_agent on lineages (tenant_id, agent_id)',
    'create index lineages_by_end on lineages (ends_at)',
    `create table api_keys (
      id ${t.text} primary key,
      name ${t.text} not null,
      role ${t.text} not null,
      tenant ${t.text} references tenants (tenant),
      agents ${t.text},
      hash ${t.bytes} not null check (length(hash) = 32),
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      expires_at ${t.int} not null,
      rate_limit ${t.int},
      revoked_at ${t.int}
    )${tableEnd()}`,
    'create index api_keys_by_time on api_keys (created_at, id) where revoked_at is null',
    'create index api_keys_of_tenant on api_keys (tenant, created_at, id) where revoked_at is null',
  ]
}

/**
 * What happened. The rows lie in the order of their chain, so that new ones fill whole pages and old ones leave whole
 * pages; only the index of serials is scattered, and that one is narrow. A certificate names its agent, lineage and issuer by
 * numbers taken from those rows in the same statement, hence no foreign keys on the hot path: agents and issuers never
 * leave, lineages only after their certificates.
 */
function recordTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table certificates (
      place ${t.int} primary key,
      issuer_id ${t.int} not null,
      serial ${t.bytes} not null check (length(serial) = 16),
      tenant_id ${t.int} not null,
      agent_id ${t.int} not null,
      lineage_no ${t.int} not null,
      generation ${t.int} not null,
      incarnation ${t.int} not null,
      tier ${t.int} not null,
      not_before ${t.int} not null,
      not_after ${t.int} not null,
      issued_at ${t.int} not null,
      parent ${t.bytes},
      minted_by ${t.text},
      key_thumbprint ${t.bytes} not null check (length(key_thumbprint) = 32),
      revoked_at ${t.int},
      revoked_reason ${t.text},
      source ${t.text},
      correlation ${t.text},
      hash ${t.bytes} not null check (length(hash) = 32)
    )${tableEnd()}`,
    'create unique index certificates_by_serial on certificates (serial, issuer_id)',
    'create index certificates_by_time on certificates (issued_at)',
    'create index certificates_of_agent on certificates (tenant_id, agent_id, issued_at)',
    'create index certificates_of_tenant on certificates (tenant_id, issued_at)',
    `create table events (
      place ${t.int} primary key,
      at ${t.int} not null,
      type ${t.text} not null,
      outcome ${t.text} not null,
      tenant ${t.text},
      agent ${t.text},
      actor ${t.text} not null,
      source ${t.text},
      correlation ${t.text},
      detail ${t.text} not null,
      hash ${t.bytes} not null check (length(hash) = 32)
    )${tableEnd()}`,
    // `type` last, so that a filter by type reads the index alone.
    'create index events_by_time on events (at, type)',
    'create index events_of_tenant on events (tenant, at, type)',
    'create index events_of_agent on events (tenant, agent, at, type)',
    `create table chain_anchors (
      instance ${t.int} not null references instances (id),
      chain ${t.int} not null,
      seq ${t.int} not null,
      hash ${t.bytes} not null,
      primary key (instance, chain)
    )${tableEnd({ clustered: true })}`,
    `create table chain_heads (
      instance ${t.int} not null references instances (id),
      chain ${t.int} not null,
      seq ${t.int} not null,
      hash ${t.bytes} not null,
      at ${t.int} not null,
      signature ${t.text} not null,
      primary key (instance, chain, seq)
    )${tableEnd({ clustered: true })}`,
  ]
}
