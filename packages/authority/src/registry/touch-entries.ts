import type { Rows, Step } from '../ports.ts'

/** What nodes learn of with a tenant's entries has changed: they hear of all of them again. */
export function* touchEntries(rows: Rows, tenant: string): Step<void> {
  yield* rows.entries.touch(tenant)
}
