import type { PolicyText } from '../question.ts'

/** What the authority says is in force. */
export interface News {
  readonly revision: number
  /** When it read that from its database, Unix milliseconds of its own clock. */
  readonly asOf: number
  readonly sets: readonly PolicyText[]
}

/** Reads a reply; throws a TypeError that names the member that is not as expected. A member too many is no harm. */
export function readNews(reply: unknown): News {
  const { revision, as_of, sets } = treeOf(reply, 'the reply')
  const asOf = typeof as_of === 'string' ? Date.parse(as_of) : Number.NaN
  if (Number.isNaN(asOf)) throw new TypeError('as_of: expected a time')
  if (!Array.isArray(sets)) throw new TypeError('sets: expected a list')
  return { revision: wholeOf(revision, 'revision'), asOf, sets: sets.map(readSet) }
}

function readSet(value: unknown): PolicyText {
  const { tenant, version, policies, schema, entities } = treeOf(value, 'sets')
  if (tenant !== null && typeof tenant !== 'string') throw new TypeError('tenant: expected a name or null')
  if (typeof policies !== 'string' || typeof schema !== 'string')
    throw new TypeError('policies, schema: expected texts')
  if (!Array.isArray(entities)) throw new TypeError('entities: expected a list')
  return { tenant, version: wholeOf(version, 'version'), policies, schema, entities }
}

function wholeOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new TypeError(`${name}: expected a whole number`)
}

function treeOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TypeError(`${name}: expected an object`)
}
