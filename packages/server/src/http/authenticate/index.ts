import { LanyardError, type RouteId } from '@lanyard/api'
import {
  API_KEY_PREFIX,
  type ApiKeyCaller,
  type Caller,
  callerOfApiKey,
  parseApiKey,
  type TokenCaller,
} from '@lanyard/authority'
import type { Authenticate } from '../mount.ts'
import type { HandlerPorts } from '../ports.ts'
import { AgentCertificates } from './agent-certificate.ts'
import { callerOfToken } from './agent-token.ts'
import { isNodeChain, NodeCertificates } from './node-certificate.ts'
import type { PeerChain } from './peer-chain.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities' | 'nodes'>

/** Routes where a certificate may have ended: renewal, of agents within the grace of their tenant, of nodes within theirs. */
const MAY_HAVE_ENDED: ReadonlySet<RouteId> = new Set(['issueCert', 'renewNode'])

/**
 * Proves who calls: by `Authorization: Bearer` with an API key or an agent token, by the client certificate of the
 * connection, or by both, if they name the same agent.
 */
export function createAuthenticate(ports: Ports): Authenticate {
  const agents = new AgentCertificates(ports)
  const nodes = new NodeCertificates(ports)
  const callerOf = (peer: PeerChain, mayHaveEnded: boolean): Promise<Caller> =>
    (isNodeChain(peer) ? nodes : agents).caller(peer, mayHaveEnded)
  return async (headers, connection, id) => {
    const bearer = readBearer(headers.authorization)
    const { peer } = connection
    if (bearer === null) {
      if (peer === null)
        throw new LanyardError('unauthenticated', 'expected a bearer credential or a client certificate')
      return callerOf(peer, MAY_HAVE_ENDED.has(id))
    }
    const caller = await callerOfBearer(bearer, ports)
    if (peer !== null) requireSame(caller, await callerOf(peer, false))
    return caller
  }
}

// RFC 6750, 2.1, and RFC 9110, 11.1: the scheme in any case, one space at least, one token.
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i

function readBearer(authorization: string | undefined): string | null {
  if (authorization === undefined) return null
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined) throw new LanyardError('unauthenticated', 'expected Authorization: Bearer and one token')
  return token
}

async function callerOfBearer(text: string, ports: Ports): Promise<ApiKeyCaller | TokenCaller> {
  const key = parseApiKey(text, ports.crypto)
  if (key) return callerOfKey(key, ports)
  if (text.startsWith(API_KEY_PREFIX)) throw new LanyardError('unauthenticated', 'this API key is not whole')
  return callerOfToken(text, ports)
}

async function callerOfKey(
  { id, hash }: { readonly id: string; readonly hash: Uint8Array },
  { store, rows, clock }: Ports,
): Promise<ApiKeyCaller> {
  return callerOfApiKey(await store.read(() => rows.apiKeys.find(id)), hash, clock.now())
}

// Whoever shows two credentials must not be one by the first and another by the second.
function requireSame(bearer: ApiKeyCaller | TokenCaller, certificate: Caller): void {
  const same =
    bearer.kind === 'agent-token' &&
    certificate.kind === 'agent-certificate' &&
    bearer.tenant === certificate.tenant &&
    bearer.agent === certificate.agent
  if (!same) throw new LanyardError('credential_conflict', 'expected both credentials to name the same agent')
}
