import { type Body, type Entry, LanyardError, type NewEntry, type Routes } from '@lanyard/api'
import {
  type AgentKey,
  type Caller,
  type EntryInput,
  type EntrySettings,
  type EntryState,
  isoTime,
} from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { readTime } from './times.ts'

type Settings = Omit<Body<Routes['updateEntry']>, 'revision'>

/** What an entry is asked to say, by our own names. Throws `body_invalid` for a time that is none. */
export const settingsOf = (asked: Settings): EntrySettings => ({
  selectors: asked.selectors,
  parent: asked.parent,
  x509TtlSec: asked.x509_ttl_sec,
  jwtTtlSec: asked.jwt_ttl_sec,
  dnsNames: asked.dns_names,
  hint: asked.hint,
  federatesWith: asked.federates_with,
  expiresAt: timeOf(asked.expires_at),
  children: asked.children,
  replicas: asked.replicas,
})

/** A new entry, whose agent is named in one way or the other. Throws `agent_unknown`, `body_invalid`. */
export async function entryInput(ports: HandlerPorts, caller: Caller, entry: NewEntry): Promise<EntryInput> {
  const { tenant, agent, spiffe_id: spiffeId, ...settings } = entry
  const key = spiffeId === undefined ? { tenant: tenant!, agent: agent! } : await agentOf(ports, caller, spiffeId)
  const id = toHex(ports.dice.bytes(16))
  return { id, ...key, settings: { ...settingsOf(settings), selectors: entry.selectors } }
}

// Found by the ID, which is never parsed: the template may be any. Another tenant's is as unknown as none.
async function agentOf({ store, rows }: HandlerPorts, caller: Caller, spiffeId: string): Promise<AgentKey> {
  const found = await store.read(() => rows.agents.findById(spiffeId))
  if (found && (caller.tenant === null || caller.tenant === found.tenant))
    return { tenant: found.tenant, agent: found.agent }
  throw new LanyardError('agent_unknown', 'there is no agent with this SPIFFE ID')
}

const timeOf = (text: string | null | undefined): number | null | undefined =>
  text === null || text === undefined ? text : readTime('body_invalid', 'expires_at', text)

export const showEntry = (entry: EntryState): Entry => ({
  id: entry.id,
  revision: entry.revision,
  tenant: entry.tenant,
  agent: entry.agent,
  spiffe_id: entry.spiffeId,
  selectors: [...entry.selectors],
  parent: entry.parent,
  x509_ttl_sec: entry.x509TtlSec,
  jwt_ttl_sec: entry.jwtTtlSec,
  dns_names: [...entry.dnsNames],
  hint: entry.hint,
  federates_with: [...entry.federatesWith],
  expires_at: entry.expiresAt === null ? null : isoTime(entry.expiresAt),
  children: entry.children,
  replicas: entry.replicas,
  created_at: isoTime(entry.createdAt),
  updated_at: isoTime(entry.updatedAt),
})
