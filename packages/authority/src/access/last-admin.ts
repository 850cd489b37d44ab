import { LanyardError, type Permission } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import type { ApiKeyState, BindingState, Listed, Page, Rows, Step } from '../ports.ts'
import { hasEnded } from './ended.ts'
import { principalIdOf } from './principal-id.ts'
import { permissionsOfRole } from './roles.ts'
import { scopesBarred } from './shut-out.ts'

/** What is about to go, or to be changed. */
export interface Loss {
  readonly apiKey?: string
  readonly binding?: string
  /** With all that it vouches for. */
  readonly issuer?: string
  /** A role that will hold these permissions. */
  readonly role?: { readonly role: string; readonly tenant: string | null; readonly permissions: readonly Permission[] }
}

interface Judging {
  /** Unix milliseconds: who ends by then does not count. */
  readonly at: number
  readonly crypto: Crypto
}

/** Who has it for all tenants can give every role to anybody. */
const ADMINISTERS: Permission = 'access.manage'
const PAGE = 200
/** Who has made a key for a minute would else be rid of everybody in that minute. */
const SOON_MS = 86_400_000

/**
 * Throws `last_admin` unless somebody administers all tenants afterwards: an API key, a user whose issuer vouches, a
 * certificate or an agent. Groups do not count: nobody here knows whether anyone is in one, nor does who ends within a
 * day, unless nobody else administers now. Asked of what took nothing away too, it would forbid to mend what is broken:
 * so only where somebody administers now.
 */
export function* requireAdminLeft(rows: Rows, loss: Loss, { at, crypto }: Judging): Step<void> {
  const lasting = { at: at + SOON_MS, crypto }
  const judging = (yield* someoneAdministers(rows, {}, lasting)) ? lasting : { at, crypto }
  if (yield* someoneAdministers(rows, loss, judging)) return
  if (!(yield* someoneAdministers(rows, {}, judging))) return
  throw new LanyardError('last_admin', 'expected somebody else with access.manage in all tenants')
}

function* someoneAdministers(rows: Rows, loss: Loss, judging: Judging): Step<boolean> {
  const keys = (page: Page) => rows.apiKeys.list({ ofAllTenants: true }, page)
  const bindings = (page: Page) => rows.bindings.list({ tenant: null }, page)
  return (
    (yield* some(keys, key => keyAdministers(rows, key, loss, judging))) ||
    (yield* some(bindings, binding => bindingAdministers(rows, binding, loss, judging)))
  )
}

function* some<T>(list: (page: Page) => Step<Listed<T>>, is: (item: T) => Step<boolean>): Step<boolean> {
  for (let after: string | null = null; ; ) {
    const page: Listed<T> = yield* list({ limit: PAGE, after })
    for (const item of page.items) if (yield* is(item)) return true
    if (page.next === null) return false
    after = page.next
  }
}

function* keyAdministers(rows: Rows, key: ApiKeyState, loss: Loss, judging: Judging): Step<boolean> {
  if (key.id === loss.apiKey || key.agents !== null || judging.at >= key.expiresAt) return false
  return yield* administers(rows, key.role, loss)
}

function* bindingAdministers(rows: Rows, binding: BindingState, loss: Loss, judging: Judging): Step<boolean> {
  const { id, agents, kind, issuer, role } = binding
  if (id === loss.binding || agents !== null || hasEnded(binding, judging.at)) return false
  if (issuer !== null && issuer === loss.issuer) return false
  if (kind === 'group' || !(yield* administers(rows, role, loss))) return false
  return yield* counts(rows, binding, judging)
}

function* administers(rows: Rows, role: string, { role: changed }: Loss): Step<boolean> {
  if (changed?.tenant === null && changed.role === role) return changed.permissions.includes(ADMINISTERS)
  return (yield* permissionsOfRole(rows, role, null)).has(ADMINISTERS)
}

/** Whether whoever is bound can come at all, as far as the store tells. */
function* counts(rows: Rows, { kind, issuer, value }: BindingState, { crypto }: Judging): Step<boolean> {
  if (kind === 'certificate') return true
  if (kind === 'spiffe-id') {
    const agent = yield* rows.agents.findById(value)
    return agent !== undefined && agent.lifecycle !== 'quarantined' && agent.lifecycle !== 'retired'
  }
  const vouching = issuer === null ? undefined : yield* rows.issuers.find(issuer)
  if (vouching === undefined || !vouching.enabled || vouching.tenant !== null) return false
  const id = principalIdOf(['user', vouching.id, value], crypto)
  return !scopesBarred(yield* rows.barredPrincipals.of(id)).includes(null)
}
