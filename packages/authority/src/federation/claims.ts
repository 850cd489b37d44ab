import { LanyardError } from '@lanyard/api'
import type { IdpState } from '../ports.ts'

type Claims = Readonly<Record<string, unknown>>

const POINTER_DEPTH = 16

/**
 * The value of a claim, by its name, or by a JSON Pointer (RFC 6901) where the path begins with a slash; undefined where
 * there is none. Only members that the token has itself: nothing that every object inherits is a claim.
 */
export function claimAt(claims: Claims, path: string): unknown {
  const steps = path.startsWith('/') ? path.slice(1).split('/').map(unescaped) : [path]
  if (steps.length > POINTER_DEPTH) return undefined
  return steps.reduce<unknown>(memberOf, claims)
}

// RFC 6901, section 4: first ~1, then ~0.
const unescaped = (step: string) => step.replaceAll('~1', '/').replaceAll('~0', '~')

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  if (Array.isArray(value) && !/^(0|[1-9]\d{0,5})$/.test(name)) return undefined
  return (value as Claims)[name]
}

/** The claim that names the agent. Throws `external_token_invalid`. */
export function requireSubject(claims: Claims, { agentClaim }: Pick<IdpState, 'agentClaim'>): string {
  const value = claimAt(claims, agentClaim)
  const fits = typeof value === 'string' && value.length > 0 && value.length <= 1024
  // A text that cannot be stored as it came would be stored as another's.
  if (fits && value.isWellFormed() && !value.includes('\0')) return value
  throw invalid(`expected claim ${agentClaim} to be a text of 1 to 1,024 characters, got ${shapeOf(value)}`)
}

/**
 * Throws `external_token_invalid`, naming the claim, unless each required one has its value, or one of its values. A claim
 * that is a list has a value when it holds it.
 */
export function requireClaims(claims: Claims, { requiredClaims }: Pick<IdpState, 'requiredClaims'>): void {
  for (const [path, wanted] of Object.entries(requiredClaims)) {
    const value = claimAt(claims, path)
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
