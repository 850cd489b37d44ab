import type { Dialect } from '../dialect.ts'
import type { Migration } from './migration.ts'

export const killSwitch: Migration = {
  id: 2,
  name: 'kill-switch',
  up: dialect => [
    ...registryColumns(dialect),
    ...linkIndexes(),
    ...deathTables(dialect),
    ...incidentTables(dialect),
    ...pointTables(dialect),
    ...serviceTables(dialect),
  ],
}

/** A tenant dies and is reborn as an agent does; an instance has a second writer, a pulse and an end. */
function registryColumns({ types: t }: Dialect): string[] {
  return [
    `alter table tenants add column incarnation ${t.int} not null default 1`,
    `alter table tenants add column dead_through ${t.int} not null default 0
      check (dead_through >= 0 and dead_through <= incarnation)`,
    `alter table agents add column killed_with_tenant ${t.int}`,
    `alter table instances add column writer_of ${t.int} references instances (id)`,
    `alter table instances add column seen_at ${t.int}`,
    `alter table instances add column evicted_at ${t.int}`,
    'create unique index instances_of_writers on instances (writer_of) where writer_of is not null',
  ]
}

/** What a kill follows from one lineage to others. It holds exclusive locks meanwhile, so it must not search. */
function linkIndexes(): string[] {
  return [
    "create index lineages_by_minter on lineages (minted_by, opened_at, no) where standing <> 'ended'",
    "create index lineages_by_token on lineages (jti) where standing <> 'ended'",
    "create index lineages_by_bound_key on lineages (jkt) where jkt is not null and standing <> 'ended'",
    "create index lineages_held on lineages (tenant_id, agent_id) where standing <> 'ended'",
    // The beginning tells keys apart, and a narrow index costs half as much with every certificate.
    'create index certificates_by_key on certificates (substr(key_thumbprint, 1, 6))',
    'create index certificates_by_source on certificates (source, issued_at)',
    'create index api_keys_by_maker on api_keys (created_by)',
  ]
}

/** What the feed tells, whole; the numbers only grow. */
function deathTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table deaths (
      kind ${t.text} not null,
      value ${t.text} not null,
      through ${t.int} not null check (through >= 0),
      reborn ${t.int} not null check (reborn >= 0),
      epoch ${t.int} not null,
      at ${t.int} not null,
      until ${t.int},
      primary key (kind, value)
    )${tableEnd({ clustered: true })}`,
    'create index deaths_by_epoch on deaths (epoch)',
    'create index deaths_by_end on deaths (until) where until is not null',
  ]
}

function incidentTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table incidents (
      id ${t.text} primary key,
      tenant ${t.text} references tenants (tenant),
      target ${t.text} not null,
      scope ${t.text} not null,
      reason ${t.text} not null,
      opened_by ${t.text} not null,
      asked ${t.bytes} not null check (length(asked) = 32),
      at ${t.int} not null,
      committed_at ${t.int},
      epoch ${t.int} not null,
      state ${t.text} not null check (state in ('open', 'closed')),
      closed_at ${t.int},
      ttl_until ${t.int},
      revoked ${t.int} not null,
      unguarded_until ${t.int},
      taken ${t.text} not null,
      evidence ${t.text},
      receipt ${t.text}
    )${tableEnd()}`,
    'create index incidents_by_time on incidents (at, id)',
    'create index incidents_by_state on incidents (state, at, id)',
    'create index incidents_of_tenant on incidents (tenant, at, id)',
    'create index incidents_of_tenant_by_state on incidents (tenant, state, at, id)',
    'create index incidents_by_epoch on incidents (state, epoch)',
    'create index incidents_by_ttl on incidents (ttl_until) where ttl_until is not null',
    // The time of the incident stands here again, so that what waits is found oldest first without a look at the rest.
    `create table incident_steps (
      incident ${t.text} not null references incidents (id) on delete cascade,
      step ${t.text} not null,
      opened_at ${t.int} not null,
      state ${t.text} not null check (state in ('waiting', 'done')),
      claimed_by ${t.text},
      claimed_until ${t.int} not null,
      done_at ${t.int},
      detail ${t.text} not null,
      primary key (incident, step)
    )${tableEnd({ clustered: true })}`,
    "create index incident_steps_waiting on incident_steps (opened_at, incident) where state = 'waiting'",
    `create table snapshots (
      incident ${t.text} primary key,
      taken_at ${t.int} not null,
      kept_until ${t.int} not null,
      sealed ${t.bytes} not null
    )${tableEnd()}`,
    'create index snapshots_by_end on snapshots (kept_until)',
  ]
}

/** An acknowledgement outlives the point that gave it: a point lasts as long as a process. */
function pointTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table points (
      point ${t.text} primary key,
      tenant_id ${t.int} not null references tenants (id),
      agent_id ${t.int} not null references agents (id),
      name ${t.text} not null,
      mode ${t.text} not null,
      budget_ms ${t.int} not null,
      grace_ms ${t.int} not null,
      enrolled_at ${t.int} not null,
      leased_until ${t.int} not null,
      epoch ${t.int} not null,
      as_of ${t.int},
      offset_ms ${t.real},
      uncertainty_ms ${t.real},
      sessions ${t.int} not null
    )${tableEnd()}`,
    'create index points_by_lease on points (leased_until)',
    'create index points_of_tenant on points (tenant_id, point)',
    'create index points_of_agent on points (tenant_id, agent_id, leased_until)',
    `create table acks (
      point ${t.text} not null,
      epoch ${t.int} not null,
      received_at ${t.int} not null,
      applied_at ${t.int} not null,
      cut ${t.int} not null,
      last_accept ${t.int},
      offset_ms ${t.real},
      uncertainty_ms ${t.real},
      jws ${t.text} not null,
      primary key (point, epoch)
    )${tableEnd()}`,
    'create index acks_by_epoch on acks (epoch, point)',
    'create index acks_by_time on acks (received_at)',
  ]
}

/** The SPIFFE ID stands here again: services are looked up by it, in its order. */
function serviceTables({ types: t, tableEnd }: Dialect): string[] {
  return [
    `create table services (
      agent_id ${t.int} not null references agents (id),
      url ${t.text} not null,
      tenant_id ${t.int} not null references tenants (id),
      spiffe_id ${t.text} not null,
      since ${t.int} not null,
      leased_until ${t.int} not null,
      primary key (agent_id, url)
    )${tableEnd({ clustered: true })}`,
    'create unique index services_by_id on services (spiffe_id, url)',
    'create index services_of_tenant on services (tenant_id, spiffe_id, url)',
    'create index services_by_lease on services (leased_until)',
  ]
}
