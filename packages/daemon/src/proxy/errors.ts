import { ERRORS, type ErrorCode } from '@lanyard/api'
import { asIdentityError } from '@lanyard/sdk/authority'
import type { ProxyError } from '@lanyard/sdk/proxy'

/** A refusal as the agent is told of it. */
export function errorOf({ code, detail }: { readonly code: ErrorCode; readonly detail: string }): ProxyError {
  return { code, detail, remedy: ERRORS[code].remedy }
}

/** Whatever was thrown, as the agent is told of it. */
export function errorFrom(thrown: unknown): ProxyError {
  if (thrown instanceof Error && 'code' in thrown && Object.hasOwn(ERRORS, String(thrown.code)))
    return errorOf({ code: thrown.code as ErrorCode, detail: thrown.message })
  const { code, message, remedy } = asIdentityError(thrown)
  return { code, detail: message, remedy }
}
