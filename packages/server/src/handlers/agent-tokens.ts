import {
  AGENT_TOKEN_SEC,
  AGENT_TOKEN_TYP,
  type AgentState,
  agentTokenClaims,
  type LineageState,
} from '@lanyard/authority'
import { signJwt } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'

/** The token that names a lineage, as every door to it answers. */
export async function mintAgentToken(
  { authorities }: Pick<HandlerPorts, 'authorities'>,
  { spiffeId }: AgentState,
  lineage: LineageState,
) {
  const { kid, signer } = authorities.tokenSigner()
  const claims = agentTokenClaims(authorities.trustDomain, lineage)
  const token = await signJwt({ typ: AGENT_TOKEN_TYP, kid, claims }, signer)
  return { token, token_type: 'Bearer' as const, expires_in: AGENT_TOKEN_SEC, spiffe_id: spiffeId }
}
