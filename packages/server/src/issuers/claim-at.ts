import type { ClaimAt } from './ports.ts'

/**
 * The value of a claim: by its name, or by a JSON Pointer (RFC 6901) where the path begins with `/`. Only what the
 * token itself says: nothing that every object of the language has. Undefined where there is none, and for what is no
 * pointer.
 */
export const claimAt: ClaimAt = (claims, path) => (path.startsWith('/') ? follow(claims, path) : member(claims, path))

function follow(claims: unknown, pointer: string): unknown {
  // RFC 6901, 3: `~` stands for nothing but itself and the slash.
  if (/~(?![01])/.test(pointer)) return undefined
  const names = pointer.slice(1).split('/')
  return names.reduce((value, name) => member(value, name.replaceAll('~1', '/').replaceAll('~0', '~')), claims)
}

function member(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9][0-9]{0,5})$/.test(name) ? value[Number(name)] : undefined
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}
