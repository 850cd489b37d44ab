import { LanyardError, type Permission } from '@lanyard/api'
import { type Crypto, encodeUtf8, equalSecrets, toHex } from '@lanyard/protocol'
import { requireAdminLeft } from '../access/last-admin.ts'
import { permissionsOfRole, requireRole } from '../access/roles.ts'
import { isHeldForGood, requireHeld } from '../access/within.ts'
import { type Act, type ApiKeyCaller, actorOf, type ManagerAct, type ManagerCaller, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import { matchesPattern } from '../pattern.ts'
import type { ApiKeyState, Dice, Rows, Step } from '../ports.ts'
import { requireTenantState } from './tenants.ts'

/** What is asked of a new API key. */
export interface ApiKeyInput {
  readonly name: string
  /** A built-in one, or one that is defined in the key's tenant or for all. */
  readonly role: string
  readonly tenant?: string | undefined
  readonly agents?: string | undefined
  readonly expiresInSec?: number | undefined
  readonly rateLimit?: number | undefined
}

/** An API key that nothing is said of ends after 90 days. */
export const API_KEY_DAYS = 90

// lanyard_<12 hex: public id>_<64 hex: 256 random bits>: a form that secret scanners can know.
const FORM = /^lanyard_([0-9a-f]{12})_([0-9a-f]{64})$/
/** What every API key begins with, and no token does. */
export const API_KEY_PREFIX = 'lanyard_'

/** A new key: its text, to be shown once, and what is stored of it. */
export function newApiKey(dice: Dice, crypto: Crypto): { id: string; key: string; hash: Uint8Array } {
  const id = toHex(dice.bytes(6))
  const secret = toHex(dice.bytes(32))
  return { id, key: `${API_KEY_PREFIX}${id}_${secret}`, hash: hashSecret(secret, crypto) }
}

/** Public id and hash of a key as it came; undefined for what is no API key. */
export function parseApiKey(text: string, crypto: Crypto): { id: string; hash: Uint8Array } | undefined {
  const match = FORM.exec(text)
  return match ? { id: match[1]!, hash: hashSecret(match[2]!, crypto) } : undefined
}

// 256 random bits need no slow hash: there is nothing to guess.
const hashSecret = (secret: string, crypto: Crypto) => crypto.sha256(encodeUtf8(`lanyard-api-key:${secret}`))

/** A key as it is stored, with what its role holds at this moment. */
export interface FoundApiKey {
  readonly state: ApiKeyState
  readonly permissions: ReadonlySet<Permission>
}

export function* findApiKey(rows: Pick<Rows, 'apiKeys' | 'roles'>, id: string): Step<FoundApiKey | undefined> {
  const state = yield* rows.apiKeys.find(id)
  return state && { state, permissions: yield* permissionsOfRole(rows, state.role, state.tenant) }
}

/** Who calls, if the stored key is the one that came and still counts at `at`; otherwise `unauthenticated`. */
export function callerOfApiKey(found: FoundApiKey | undefined, hash: Uint8Array, at: number): ApiKeyCaller {
  const proved = found !== undefined && equalSecrets(found.state.hash, hash) ? found : undefined
  const { id, name, role, tenant, agents, rateLimit, expiresAt, bounded } = requireCounting(proved?.state, at)
  const permissions = proved?.permissions ?? new Set()
  return { kind: 'api-key', id, name, role, permissions, tenant, agents, rateLimit, expiresAt, bounded }
}

/** A key that is neither deleted nor over at `at`; otherwise `unauthenticated`. */
export function requireCounting(state: ApiKeyState | undefined, at: number): ApiKeyState {
  if (state === undefined || state.revokedAt !== null)
    throw new LanyardError('unauthenticated', 'this API key is not known')
  if (at >= state.expiresAt) throw new LanyardError('unauthenticated', `API key ${state.id} has ended`)
  return state
}

/**
 * Makes a key within the scope and permissions of its creator, for no longer than they have these. `fresh.key` is shown
 * once, by the caller of this. Throws `role_unknown`, `role_too_wide`, `tenant_mismatch`, `tenant_unknown`, `name_invalid`.
 */
export function* createApiKey(
  rows: Rows,
  input: ApiKeyInput,
  fresh: { readonly id: string; readonly hash: Uint8Array },
  act: Act & { readonly caller: ManagerCaller | 'server' },
): Step<ApiKeyState> {
  const creator = act.caller === 'server' ? null : act.caller
  const tenant = input.tenant ?? creator?.tenant ?? null
  const agents = input.agents ?? creator?.agents ?? null
  if (tenant !== null) yield* requireTenantState(rows, tenant, act)
  const permissions = yield* requireRole(rows, input.role, tenant)
  const expiresAt = act.at + (input.expiresInSec ?? API_KEY_DAYS * 86_400) * 1000
  const given = { role: input.role, permissions, tenant, agents }
  requireHeld(act.caller, { ...given, until: expiresAt })
  const state: ApiKeyState = {
    id: fresh.id,
    hash: fresh.hash,
    name: input.name,
    role: input.role,
    tenant,
    agents,
    createdBy: actorOf(act.caller),
    createdAt: act.at,
    expiresAt,
    rateLimit: input.rateLimit ?? null,
    // A key that somebody makes for their last minute must not make one for a year.
    bounded: !isHeldForGood(act.caller, given),
    revokedAt: null,
  }
  yield* rows.apiKeys.insert(state)
  yield* rows.events.append(eventOf(act, 'apikey.created', { tenant }, describe(state)))
  return state
}

/**
 * Ends a key, and its join tokens that nobody has used; one that the caller may not see is `not_found`, as if it were
 * not there. Throws `last_admin`. The epoch moves on, so that every instance cuts what the key has open.
 */
export function* deleteApiKey(rows: Rows, id: string, crypto: Crypto, act: ManagerAct): Step<void> {
  const state = yield* rows.apiKeys.find(id)
  if (state === undefined || state.revokedAt !== null || !maySee(act.caller, state.tenant))
    throw new LanyardError('not_found', 'there is no such API key')
  if (state.tenant === null) yield* requireAdminLeft(rows, { apiKey: id }, { at: act.at, crypto })
  yield* rows.apiKeys.revoke(id, act.at)
  yield* rows.joinTokens.removeOf(`api-key:${id}`)
  yield* rows.events.append(eventOf(act, 'apikey.revoked', { tenant: state.tenant }, describe(state)))
  yield* rows.epoch.bump()
}

/** Throws `agent_not_covered` unless the key may bootstrap this agent. */
export function requireCovered(caller: ManagerCaller, agent: string): void {
  if (caller.agents === null || matchesPattern(caller.agents, agent)) return
  throw new LanyardError('agent_not_covered', `expected an agent that matches ${caller.agents}, got ${agent}`)
}

const describe = ({ id, name, role, agents, expiresAt, rateLimit }: ApiKeyState) => ({
  id,
  name,
  role,
  agents,
  expires_at_ms: expiresAt,
  rate_limit: rateLimit,
})
