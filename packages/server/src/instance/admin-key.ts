import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Act,
  type ApiKeyState,
  type Clock,
  createApiKey,
  type Dice,
  exclusiveAll,
  newApiKey,
  type Step,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { replacePrivateFile } from '../keys/private-files.ts'
import type { OpenStore, StoreRows } from '../store/ports.ts'

/** In the data folder: the first admin key and a newline. */
export const ADMIN_KEY_FILE = 'admin.key'

/**
 * Makes an admin key and writes it into the data folder, unless there is one that still counts. Whoever owns the
 * folder owns the authority, so this also lets the owner in again when the last admin key has ended. Gives the path of
 * the file while it is there.
 */
export async function ensureAdminKey(
  folder: string,
  { store, rows }: OpenStore,
  { clock, dice }: { readonly clock: Clock; readonly dice: Dice },
): Promise<string | null> {
  const file = join(folder, ADMIN_KEY_FILE)
  const at = clock.now()
  if (!(await store.read(() => hasAdminKey(rows, at)))) {
    const fresh = newApiKey(dice, nodeCrypto)
    // The file first: a key that the store knows and nobody holds could never be used, the reverse heals at the next start.
    replacePrivateFile(file, `${fresh.key}\n`)
    const act = { caller: 'server', at, source: null, correlation: null } satisfies Act
    await store.write(() => createApiKey(rows, { name: 'first admin key', role: 'admin' }, fresh, act), exclusiveAll)
  }
  return existsSync(file) ? file : null
}

/** Whether a key of every tenant with the role admin is neither revoked nor over. */
function* hasAdminKey(rows: StoreRows, at: number): Step<boolean> {
  for (let after: string | null = null; ; ) {
    // Of the keys of tenants there may be any number, since their admins make them.
    const page: { items: readonly ApiKeyState[]; next: string | null } = yield* rows.apiKeys.list(
      { ofAllTenants: true },
      { limit: 500, after },
    )
    if (page.items.some(key => key.role === 'admin' && at < key.expiresAt)) return true
    if (page.next === null) return false
    after = page.next
  }
}
