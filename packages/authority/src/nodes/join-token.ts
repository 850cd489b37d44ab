import { LanyardError } from '@lanyard/api'
import { type Crypto, encodeUtf8, toHex } from '@lanyard/protocol'
import { requireMayServe } from '../access/becoming.ts'
import { type Act, actorOf, requireTenant } from '../caller.ts'
import { eventOf } from '../event.ts'
import { requireName } from '../names.ts'
import type { Dice, JoinTokenState, NodeScope, Rows, Step } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { endOfGrace, type NodeSettings } from './settings.ts'
import { X509POP_PREFIX } from './x509pop.ts'

/** Seconds that a join token lives where nothing else is asked for. */
const JOIN_TOKEN_SEC = 600

// lanyard_join_<64 hex: 256 random bits>: a form that secret scanners can know, and no API key has.
const FORM = /^lanyard_join_([0-9a-f]{64})$/

/** A new token: its text, to be shown once, and what is stored of it. */
export function newJoinToken(dice: Dice, crypto: Crypto): { readonly token: string; readonly hash: Uint8Array } {
  const secret = toHex(dice.bytes(32))
  return { token: `lanyard_join_${secret}`, hash: hashSecret(secret, crypto) }
}

/** The hash of a token as it came; undefined for what is none. */
export function parseJoinToken(text: string, crypto: Crypto): Uint8Array | undefined {
  const secret = FORM.exec(text)?.[1]
  return secret === undefined ? undefined : hashSecret(secret, crypto)
}

const hashSecret = (secret: string, crypto: Crypto) => crypto.sha256(encodeUtf8(`lanyard-join-token:${secret}`))

/** What is asked of a new token. */
export interface JoinTokenInput extends NodeScope {
  readonly ttlSec?: number | undefined
}

/**
 * Makes a token with which one machine becomes this node. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `node_exists`, `agent_not_covered`, `role_too_wide`.
 */
export function* createJoinToken(
  rows: Rows,
  { name, tenant, groups, ttlSec = JOIN_TOKEN_SEC }: JoinTokenInput,
  hash: Uint8Array,
  settings: NodeSettings,
  act: Act,
): Step<JoinTokenState> {
  requireNodeName(name)
  for (const group of groups) requireName('group', group)
  if (tenant !== null) yield* requireTenantState(rows, tenant, act)
  else requireEveryTenant(act)
  yield* requireMayServe(rows, tenant, act)
  const node = yield* rows.nodes.findByName(tenant, name)
  if (node !== undefined && (node.bannedAt !== null || act.at < endOfGrace(node, settings)))
    throw new LanyardError('node_exists', `node ${name} exists`)
  const token: JoinTokenState = {
    hash,
    name,
    tenant,
    groups: [...new Set(groups)].sort(),
    createdBy: actorOf(act.caller),
    createdAt: act.at,
    expiresAt: act.at + ttlSec * 1000,
  }
  yield* rows.joinTokens.insert(token)
  const detail = { name, groups: token.groups, expires_at_ms: token.expiresAt }
  yield* rows.events.append(eventOf(act, 'jointoken.created', { tenant }, detail))
  return token
}

function requireNodeName(name: string): void {
  requireName('node', name)
  if (name.startsWith(X509POP_PREFIX))
    throw new LanyardError('name_invalid', `names with ${X509POP_PREFIX} belong to machines that attest by certificate`)
}

function requireEveryTenant({ caller }: Act): void {
  if (caller !== 'server' && caller.tenant !== null) requireTenant(caller, '')
}
