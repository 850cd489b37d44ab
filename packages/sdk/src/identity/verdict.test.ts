import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdentityError } from '../errors.ts'
import { type Verdict, verdictOn } from './verdict.ts'

const CASES: readonly (readonly [code: string, status: number | undefined, Verdict])[] = [
  ['authority_unreachable', undefined, 'retry'],
  ['rate_limited', 429, 'retry'],
  ['store_unavailable', 503, 'retry'],
  ['key_reused', 403, 'new-key'],
  ['ttl_out_of_range', 400, 'without-ttl'],
  ['lineage_forked', 403, 'new-token'],
  ['lineage_ended', 403, 'new-token'],
  ['certificate_expired', 401, 'new-token'],
  ['certificate_revoked', 403, 'new-token'],
  ['token_expired', 401, 'new-token'],
  ['external_token_expired', 401, 'new-token'],
  ['external_token_invalid', 401, 'retry'],
  ['idp_unknown', 401, 'retry'],
  ['idp_token_spent', undefined, 'retry'],
  ['idp_unreachable', 503, 'retry'],
  ['idp_disabled', 403, 'give-up'],
  ['agent_provenance_conflict', 409, 'give-up'],
  ['agent_quarantined', 403, 'give-up'],
  ['agent_retired', 403, 'give-up'],
  ['key_type_forbidden', 400, 'give-up'],
  // Codes of a later authority, judged by their status alone.
  ['from_the_future', 503, 'retry'],
  ['from_the_future', 429, 'retry'],
  ['from_the_future', 401, 'new-token'],
  ['from_the_future', 403, 'give-up'],
  ['from_the_future', 400, 'give-up'],
  ['from_the_future', undefined, 'retry'],
]

for (const [code, status, expected] of CASES)
  test(`${code} with ${status ?? 'no status'}: ${expected}`, () => {
    const error = new IdentityError(code, 'detail', { remedy: '', ...(status ? { status } : {}) })
    assert.equal(verdictOn(error), expected)
  })

test('what nobody foresaw is tried again', () => {
  assert.equal(verdictOn(new Error('x')), 'retry')
  assert.equal(verdictOn(undefined), 'retry')
})
