import type { Dialect } from '../dialect.ts'
import type { Migration } from './migration.ts'

/** The counter of entries, for a trust domain that has none. Like that of epochs it is one row, which the commit lets go. */
export const FIRST_REVISION = `insert into entry_revisions (trust_domain, revision, horizon)
  select id, 0, 0 from trust_domains where true on conflict do nothing`

export const workloads: Migration = {
  id: 3,
  name: 'workloads',
  up: dialect => [...entryTables(dialect), ...nodeTables(dialect)],
}

/** Which processes are which agents. What was deleted leaves a mark for a while, so that nodes that were away learn of it. */
function entryTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table entry_revisions (
      trust_domain ${t.int} primary key references trust_domains (id),
      revision ${t.int} not null check (revision >= 0),
      horizon ${t.int} not null check (horizon >= 0 and horizon <= revision)
    )${tableEnd()}`,
    // The shape stands for parent and selectors, which are too long for an index.
    `create table entries (
      no ${t.counted},
      id ${t.bytes} not null unique,
      tenant_id ${t.int} not null references tenants (id),
      agent_id ${t.int} not null references agents (id),
      parent ${t.text},
      selectors ${t.text} not null,
      shape ${t.bytes} not null check (length(shape) = 32),
      x509_ttl_sec ${t.int},
      jwt_ttl_sec ${t.int},
      dns_names ${t.text} not null,
      hint ${t.text},
      federates_with ${t.text} not null,
      expires_at ${t.int},
      children ${t.int} not null check (children in (0, 1)),
      replicas ${t.int} not null check (replicas > 0),
      revision ${t.int} not null,
      created_at ${t.int} not null,
      updated_at ${t.int} not null,
      unique (agent_id, shape)
    )${tableEnd()}`,
    'create index entries_of_tenant on entries (tenant_id, no)',
    'create index entries_of_agent on entries (agent_id, no)',
    'create index entries_of_tenant_by_revision on entries (tenant_id, revision)',
    'create index entries_by_revision on entries (revision)',
    `create table entry_marks (
      id ${t.bytes} primary key,
      tenant_id ${t.int} not null references tenants (id),
      revision ${t.int} not null,
      at ${t.int} not null
    )${tableEnd({ clustered: true })}`,
    'create index entry_marks_by_revision on entry_marks (revision)',
    'create index entry_marks_by_time on entry_marks (at)',
    `create table federated_bundles (
      trust_domain ${t.text} primary key,
      bundle ${t.text} not null,
      updated_at ${t.int} not null
    )${tableEnd()}`,
  ]
}

/** Machines that proved themselves, and what makes them nodes. Of nodes without a tenant the SPIFFE ID keeps names unique. */
function nodeTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table nodes (
      node ${t.bytes} primary key,
      tenant_id ${t.int} references tenants (id),
      name ${t.text} not null,
      spiffe_id ${t.text} not null unique,
      groups ${t.text} not null,
      method ${t.text} not null,
      joined_by ${t.text},
      key_thumbprint ${t.bytes} not null,
      serial ${t.bytes} not null,
      not_after ${t.int} not null,
      attested_at ${t.int} not null,
      renewed_at ${t.int} not null,
      banned_at ${t.int},
      ban_reason ${t.text},
      unique (tenant_id, name)
    )${tableEnd()}`,
    'create index nodes_by_name on nodes (name, spiffe_id)',
    'create index nodes_by_end on nodes (not_after) where banned_at is null',
    'create index nodes_by_key on nodes (key_thumbprint)',
    'create index nodes_by_joiner on nodes (joined_by) where banned_at is null',
    `create table join_tokens (
      hash ${t.bytes} primary key check (length(hash) = 32),
      tenant_id ${t.int} references tenants (id),
      name ${t.text} not null,
      groups ${t.text} not null,
      created_by ${t.text} not null,
      created_at ${t.int} not null,
      expires_at ${t.int} not null
    )${tableEnd()}`,
    'create index join_tokens_by_end on join_tokens (expires_at)',
    'create index join_tokens_by_maker on join_tokens (created_by)',
  ]
}
