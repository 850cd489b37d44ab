import { isStorable, LanyardError } from '@lanyard/api'
import type { IdpState } from '../ports.ts'

/** The value of a claim of a token, by its name or by a JSON Pointer; undefined where there is none. */
export type ReadClaim = (path: string) => unknown

/** The claim that names the agent. Throws `external_token_invalid`. */
export function requireSubject(read: ReadClaim, { agentClaim }: Pick<IdpState, 'agentClaim'>): string {
  const value = read(agentClaim)
  const fits = typeof value === 'string' && value.length > 0 && value.length <= 1024
  // A text that cannot be stored as it came would be stored as another's.
  if (fits && isStorable(value)) return value
  throw invalid(`expected claim ${agentClaim} to be a text of 1 to 1,024 characters, got ${shapeOf(value)}`)
}

/**
 * Throws `external_token_invalid`, naming the claim, unless each required one has its value, or one of its values. A
 * claim that is a list has a value when it holds it. One that is required to be `null` must not be there, not even as
 * null.
 */
export function requireClaims(read: ReadClaim, { requiredClaims }: Pick<IdpState, 'requiredClaims'>): void {
  for (const [path, wanted] of Object.entries(requiredClaims)) {
    const value = read(path)
    if (wanted === null) {
      if (value === undefined) continue
      throw invalid(`expected no claim ${path}`)
    }
    const values = Array.isArray(wanted) ? wanted : [wanted]
    const held = Array.isArray(value) ? value : [value]
    if (held.some(one => isScalar(one) && values.includes(one))) continue
    throw invalid(`expected claim ${path} to be ${values.map(one => JSON.stringify(one)).join(' or ')}`)
  }
}

const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)

const invalid = (detail: string) => new LanyardError('external_token_invalid', detail)

/** Not the value: a token of another may have come. */
function shapeOf(value: unknown): string {
  if (value === undefined) return 'none'
  if (typeof value === 'string') return `one of ${value.length} characters`
  return Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`
}
