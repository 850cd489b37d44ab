import { IdentityError } from '../errors.ts'

/**
 * What a refusal means for the renewal:
 * - `retry`: the same request again, with the same key, later;
 * - `new-key`: the same credential, another key;
 * - `without-ttl`: the same request without the lifetime asked for;
 * - `new-token`: the credential is used up or dead; only a fresh token opens a new lineage;
 * - `give-up`: nothing that this program can do would change the answer; a person must act.
 */
export type Verdict = 'retry' | 'new-key' | 'without-ttl' | 'new-token' | 'give-up'

const VERDICTS: Readonly<Record<string, Verdict>> = {
  authority_unreachable: 'retry',
  authority_untrusted: 'retry',
  // Once running, a wrong root is more likely somebody in between than a change of mind: they must not end the identity.
  fingerprint_mismatch: 'retry',
  reply_invalid: 'retry',
  token_unavailable: 'retry',
  idp_token_spent: 'retry',
  // The authority reads the keys of a provider twice a minute at most: it may not know the newest yet.
  external_token_invalid: 'retry',
  idp_unknown: 'retry',
  rate_limited: 'retry',
  internal_error: 'retry',
  not_ready: 'retry',
  store_unavailable: 'retry',
  key_reused: 'new-key',
  ttl_out_of_range: 'without-ttl',
  unauthenticated: 'new-token',
  credential_conflict: 'new-token',
  token_expired: 'new-token',
  external_token_expired: 'new-token',
  token_reused: 'new-token',
  token_key_mismatch: 'new-token',
  certificate_expired: 'new-token',
  certificate_untrusted: 'new-token',
  certificate_revoked: 'new-token',
  lineage_ended: 'new-token',
  lineage_forked: 'new-token',
  incarnation_dead: 'new-token',
  agent_quarantined: 'give-up',
  agent_retired: 'give-up',
  key_type_forbidden: 'give-up',
  identity_changed: 'give-up',
}

/** What to do about an error of an attempt. Codes of a later authority are judged by their HTTP status. */
export function verdictOn(error: unknown): Verdict {
  if (!(error instanceof IdentityError)) return 'retry'
  const known = VERDICTS[error.code]
  if (known) return known
  const status = error.status ?? 500
  if (status >= 500 || status === 408 || status === 425 || status === 429) return 'retry'
  return status === 401 ? 'new-token' : 'give-up'
}
