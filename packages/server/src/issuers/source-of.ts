import type { IdpState, IssuerState } from '@lanyard/authority'
import type { TokenSource } from './ports.ts'

/** What is expected of the tokens of whoever vouches, for agents or for people, as it is stored. */
export const sourceOf = (state: IdpState | IssuerState): TokenSource => {
  const { issuer, jwksUri, audiences, algorithms, maxTokenAgeSec, updatedAt: changedAt, tenant } = state
  return { issuer, jwksUri, audiences, algorithms, maxTokenAgeSec, changedAt, owner: tenant }
}
