import {
  AGENT_TOKEN_TYP,
  type AgentState,
  agentTokenClaims,
  agentTokenEnd,
  type LineageState,
} from '@lanyard/authority'
import { signJwt } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'

/** The token that names a lineage, as every door to it answers. */
export async function mintAgentToken(
  { authorities, clock }: Pick<HandlerPorts, 'authorities' | 'clock'>,
  { spiffeId }: AgentState,
  lineage: LineageState,
) {
  const { kid, signer } = authorities.tokenSigner()
  const claims = agentTokenClaims(authorities.trustDomain, lineage)
  const token = await signJwt({ typ: AGENT_TOKEN_TYP, kid, claims }, signer)
  // Less than at first where a token is given again.
  const expires_in = Math.ceil((agentTokenEnd(lineage) - clock.now()) / 1000)
  return { token, token_type: 'Bearer' as const, expires_in, spiffe_id: spiffeId }
}
