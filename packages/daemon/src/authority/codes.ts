import { ERRORS, type ErrorCode, LanyardError } from '@lanyard/api'
import { codeOf } from '@lanyard/sdk/authority'

/** Codes of the link for what the API calls otherwise. */
const LINK_CODES: Readonly<Record<string, ErrorCode>> = {
  authority_unreachable: 'server_unreachable',
  authority_untrusted: 'server_untrusted',
  reply_invalid: 'server_unreachable',
}

/** Whatever was thrown, as an error of ours: the codes of the authority stay. */
export function asLanyardError(error: unknown): LanyardError {
  if (error instanceof LanyardError) return error
  const code = codeOf(error)
  const known = LINK_CODES[code] ?? (Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'internal_error')
  const detail = error instanceof Error ? error.message : code
  return new LanyardError(known, detail, {}, { cause: error })
}

/**
 * Refusals that another try within seconds does not change: what was held is taken away. All else is an authority that
 * cannot be reached, or cannot answer at present.
 */
const FINAL: ReadonlySet<string> = new Set<ErrorCode>([
  'agent_quarantined',
  'agent_retired',
  'tenant_killed',
  'incarnation_dead',
  'entry_unknown',
  'entry_expired',
  'node_not_parent',
  'node_banned',
  'node_unknown',
  'lineage_ended',
  'lineage_forked',
  'certificate_revoked',
  'key_killed',
])

export const isFinal = ({ code }: LanyardError): boolean => FINAL.has(code)

/** The node itself is no longer one: nothing that it asks is answered. */
export const isNodeEnd = (code: string): code is 'node_banned' | 'node_unknown' =>
  code === 'node_banned' || code === 'node_unknown'
