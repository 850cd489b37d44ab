import { LanyardError } from '@lanyard/api'

/** What stands in `Authorization`. */
export interface Authorization {
  readonly scheme: 'bearer' | 'lanyard-secret'
  readonly token: string
}

// RFC 6750, 2.1, and RFC 9110, 11.1: the scheme in any case, one space at least, one token.
const FORM = /^(bearer|lanyard-secret) +([A-Za-z0-9._~+/-]+=*)$/i

/** Null without the header. Throws `unauthenticated`. */
export function readAuthorization(header: string | undefined): Authorization | null {
  if (header === undefined) return null
  const [, scheme, token] = FORM.exec(header) ?? []
  if (scheme === undefined || token === undefined)
    throw new LanyardError('unauthenticated', 'expected Authorization: Bearer (or Lanyard-Secret) and one token')
  return { scheme: scheme.toLowerCase() as Authorization['scheme'], token }
}
