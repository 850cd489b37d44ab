import { LanyardError, permissionsOf } from '@lanyard/api'
import {
  AGENT_TOKEN_TYP,
  agentTokenAudience,
  agentTokenIssuer,
  concerning,
  isoTime,
  readAgentTokenClaims,
  requireAlive,
  requireOpenLineage,
  type Subject,
  type TokenCaller,
} from '@lanyard/authority'
import { type JwtClaims, ProtocolError, TokenTimeError, verifyJwt } from '@lanyard/protocol'
import type { HandlerPorts } from '../ports.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities'>
type Claims = NonNullable<ReturnType<typeof readAgentTokenClaims>>

/** Seconds by which the clocks of two instances may differ. It makes no token live longer. */
const SKEW_SEC = 10
const PERMISSIONS = permissionsOf('agent')

/**
 * Who holds this agent token. Throws `unauthenticated`, `token_expired`, `agent_quarantined`, `agent_retired`,
 * `incarnation_dead`, `lineage_forked`, `lineage_ended`.
 */
export async function callerOfToken(token: string, ports: Ports): Promise<TokenCaller> {
  const at = ports.clock.now()
  const claims = readAgentTokenClaims(verified(token, at, ports))
  if (!claims) throw new LanyardError('unauthenticated', 'expected the claims of an agent token')
  if (at >= claims.expiresAt) throw expired(at, Math.ceil((at - claims.expiresAt) / 1000))
  const subject = requireOwn(await ports.store.read(() => ports.rows.lineages.subject(claims.lineage)), claims)
  concerning(subject.agent, () => {
    requireAlive(subject, claims.incarnation)
    requireOpenLineage(subject, at)
  })
  return { kind: 'agent-token', ...claims, spiffeId: subject.agent.spiffeId, permissions: PERMISSIONS }
}

/** Whether a token says that it is one of ours, and not one of an issuer. What it says is believed nowhere else. */
export function isAgentToken(token: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8'))
    return (header as { typ?: unknown } | null)?.typ === AGENT_TOKEN_TYP
  } catch {
    return false
  }
}

function verified(token: string, at: number, { authorities, crypto }: Ports): JwtClaims {
  const { trustDomain } = authorities
  const expected = {
    typ: AGENT_TOKEN_TYP,
    keys: authorities.tokenKeys(),
    issuer: agentTokenIssuer(trustDomain),
    audience: agentTokenAudience(trustDomain),
    at: Math.floor(at / 1000),
    leeway: SKEW_SEC,
  }
  try {
    return verifyJwt(token, expected, crypto)
  } catch (error) {
    throw error instanceof ProtocolError ? refusalOf(error, at) : error
  }
}

function refusalOf(error: ProtocolError, at: number): LanyardError {
  if (!(error instanceof TokenTimeError)) return new LanyardError('unauthenticated', `${error.code}: ${error.message}`)
  if (error.code === 'token_expired') return expired(at, error.skew)
  return new LanyardError('unauthenticated', `${error.code}: ${error.message}`, {
    server_time: isoTime(at),
    skew_sec: error.skew,
  })
}

const expired = (at: number, late: number) =>
  new LanyardError('token_expired', `expected an agent token that counts, got one that ended ${late} s ago`, {
    server_time: isoTime(at),
    skew_sec: late,
  })

// The token is bound to the lineage that it opened, and that to the agent: all must name each other.
function requireOwn(subject: Subject | undefined, claims: Claims): Subject {
  const own =
    subject?.lineage.jti === claims.jti &&
    subject.agent.tenant === claims.tenant &&
    subject.agent.agent === claims.agent
  if (!own) throw new LanyardError('lineage_ended', 'the lineage of this token is not known')
  return subject
}
