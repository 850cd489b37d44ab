import { LanyardError } from '@lanyard/api'
import { requireMayBecome } from '../access/becoming.ts'
import { type Act, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import { isId } from '../names.ts'
import type { AgentKey, AgentState, EntryState, Rows, Step } from '../ports.ts'
import { requireAgent } from './agents.ts'
import { requireCovered } from './api-keys.ts'
import { type EntryRules, type EntrySettings, settled } from './entry-settings.ts'

/** Entries of one tenant at most: a node may have to learn of all. */
export const ENTRIES_MAX = 25_000

/** A new entry: whose, and what it says. */
export interface EntryInput extends AgentKey {
  /** 32 hex digits, random. */
  readonly id: string
  readonly settings: EntrySettings & { readonly selectors: readonly string[] }
}

/**
 * Registers entries: all of them, or throws and none. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `agent_unknown`, `agent_not_covered`, `role_too_wide`, `agent_retired`, `selector_invalid`, `ttl_out_of_range`,
 * `dns_name_forbidden`, `entry_exists`, `too_many_entries`.
 */
export function* createEntries(
  rows: Rows,
  inputs: readonly EntryInput[],
  rules: EntryRules,
  act: Act,
): Step<readonly EntryState[]> {
  const drafts: EntryState[] = []
  for (const input of inputs) drafts.push(yield* draft(rows, input, rules, act))
  requireDifferent(drafts)
  yield* requireRoom(rows, drafts)
  // Nothing is refused from here on.
  const revision = yield* rows.entries.bump()
  const entries = drafts.map(entry => ({ ...entry, revision }))
  for (const entry of entries) {
    yield* rows.entries.insert(entry)
    yield* rows.events.append(eventOf(act, 'entry.created', entry, { entry: entry.id, ...told(entry) }))
  }
  return entries
}

function* draft(rows: Rows, { id, settings, ...key }: EntryInput, rules: EntryRules, act: Act): Step<EntryState> {
  const agent = yield* requireAgent(rows, key, act)
  yield* requireGiven(rows, agent, act)
  const entry: EntryState = { ...newEntry(id, agent, act.at), ...settled(settings, requireUsable(agent), rules) }
  yield* requireNew(rows, entry)
  return entry
}

// An entry makes processes the agent, as a token does.
function* requireGiven(rows: Rows, agent: AgentState, act: Act): Step<void> {
  const { caller } = act
  if (caller !== 'server' && (caller.kind === 'api-key' || caller.kind === 'principal'))
    requireCovered(caller, agent.agent)
  yield* requireMayBecome(rows, agent, act)
}

function requireUsable(agent: AgentState): AgentState {
  if (agent.lifecycle !== 'retired') return agent
  throw new LanyardError('agent_retired', `agent ${agent.tenant}/${agent.agent} is retired`)
}

const newEntry = (id: string, { tenant, agent, spiffeId }: AgentState, at: number): EntryState => ({
  id,
  tenant,
  agent,
  spiffeId,
  selectors: [],
  parent: null,
  x509TtlSec: null,
  jwtTtlSec: null,
  dnsNames: [],
  hint: null,
  federatesWith: [],
  expiresAt: null,
  children: false,
  replicas: 1,
  revision: 0,
  createdAt: at,
  updatedAt: at,
})

function* requireNew(rows: Rows, entry: EntryState): Step<void> {
  const same = yield* rows.entries.same(entry)
  if (same !== undefined && same.id !== entry.id) throw exists(same.id)
}

const exists = (id: string) => new LanyardError('entry_exists', `entry ${id} has this agent, parent and selectors`)

function requireDifferent(drafts: readonly EntryState[]): void {
  const shapes = new Set<string>()
  for (const { tenant, agent, parent, selectors } of drafts) {
    const shape = JSON.stringify([tenant, agent, parent, ...selectors])
    if (shapes.has(shape))
      throw new LanyardError('entry_exists', `two of these entries of ${tenant}/${agent} are the same`)
    shapes.add(shape)
  }
}

function* requireRoom(rows: Rows, drafts: readonly EntryState[]): Step<void> {
  const tenants = Map.groupBy(drafts, ({ tenant }) => tenant)
  for (const [tenant, { length }] of tenants) {
    const count = yield* rows.entries.count(tenant)
    if (count + length > ENTRIES_MAX)
      throw new LanyardError(
        'too_many_entries',
        `expected at most ${ENTRIES_MAX} entries of tenant ${tenant}, there are ${count}`,
      )
  }
}

/**
 * Changes an entry, if it is at this `revision` where one is named. Throws `entry_unknown`, `revision_conflict`, and as
 * {@link createEntries}.
 */
export function* updateEntry(
  rows: Rows,
  id: string,
  change: EntrySettings & { readonly revision?: number | undefined },
  rules: EntryRules,
  act: Act,
): Step<EntryState> {
  const before = yield* requireEntry(rows, id, act)
  if (change.revision !== undefined && change.revision !== before.revision)
    throw new LanyardError('revision_conflict', `expected revision ${before.revision}, got ${change.revision}`)
  const agent = requireUsable(yield* requireAgent(rows, before, act))
  yield* requireGiven(rows, agent, act)
  const after: EntryState = { ...before, ...settled(change, agent, rules), updatedAt: act.at }
  yield* requireNew(rows, after)
  const written = { ...after, revision: yield* rows.entries.bump() }
  yield* rows.entries.update(written)
  const detail = { entry: id, before: told(before), after: told(written) }
  yield* rows.events.append(eventOf(act, 'entry.updated', written, detail))
  return written
}

/** Deletes an entry: no process gets an identity by it from now on. Throws `entry_unknown`. */
export function* deleteEntry(rows: Rows, id: string, act: Act): Step<void> {
  const entry = yield* requireEntry(rows, id, act)
  yield* rows.entries.delete(id, yield* rows.entries.bump(), act.at)
  yield* rows.events.append(eventOf(act, 'entry.deleted', entry, { entry: id, ...told(entry) }))
}

/** The entry, if the caller may see it; another's is `entry_unknown`, as if it were not there. */
export function* requireEntry(rows: Rows, id: string, { caller }: Pick<Act, 'caller'>): Step<EntryState> {
  const entry = isId(id) ? yield* rows.entries.find(id) : undefined
  if (entry === undefined || !maySee(caller, entry.tenant))
    throw new LanyardError('entry_unknown', `there is no entry ${id.slice(0, 64)}`)
  return entry
}

const told = (entry: EntryState) => ({
  selectors: entry.selectors,
  parent: entry.parent,
  x509_ttl_sec: entry.x509TtlSec,
  jwt_ttl_sec: entry.jwtTtlSec,
  dns_names: entry.dnsNames,
  hint: entry.hint,
  federates_with: entry.federatesWith,
  expires_at_ms: entry.expiresAt,
  children: entry.children,
  replicas: entry.replicas,
})
