import { LanyardError, type RouteId, routes } from '@lanyard/api'
import { API_KEY_PREFIX, type Caller, callerOfApiKey, findApiKey, parseApiKey } from '@lanyard/authority'
import type { Authenticate } from '../callers.ts'
import type { HandlerPorts } from '../ports.ts'
import { AgentCertificates } from './agent-certificate.ts'
import { AgentSecrets } from './agent-secret.ts'
import { callerOfToken, isAgentToken } from './agent-token.ts'
import { readAuthorization } from './authorization.ts'
import { ExternalTokens } from './external-token.ts'
import { isNodeChain, NodeCertificates } from './node-certificate.ts'
import type { PeerChain } from './peer-chain.ts'
import { PresentedCertificates } from './presented.ts'
import { Principals } from './principals.ts'

type Ports = Omit<HandlerPorts, 'meters'>

/**
 * Routes where a certificate may have ended: renewal, of agents within the grace of their tenant, of nodes within
 * theirs.
 */
const MAY_HAVE_ENDED: ReadonlySet<RouteId> = new Set(['issueCert', 'renewNode'])

/**
 * Proves who calls, by exactly one identity: what stands in `Authorization`, the client certificate of the connection
 * (or the one that a trusted proxy forwarded), or both if they are of the same one. The secret of an agent and its
 * certificate are two factors of one.
 */
export function createAuthenticate(ports: Ports): Authenticate {
  const judges = { ...openJudges(ports), ports }
  const presented = new PresentedCertificates(ports, judges.agents)
  return {
    screen: (connection, raw) => presented.screen(raw, connection),
    async prove(headers, connection, id, raw) {
      const { peer, carrier } = await presented.of(raw, connection)
      const shown = readAuthorization(headers.authorization)
      if (carrier !== null && peer !== null) requireForwardable(peer, shown === null && MAY_HAVE_ENDED.has(id))
      const tenant = headers['x-lanyard-tenant-id']
      return { caller: await callerOf({ id, shown, peer, tenant }, judges), carrier }
    },
  }
}

// Renewal proves that the caller holds the key, by a TLS connection that ends here. Behind a proxy nothing is proved to
// us, and whoever takes the proxy over would go on as every agent that it has seen; with the certificate of a node,
// which is asked for those of its workloads, as all of these.
function requireForwardable(peer: PeerChain, renews: boolean): void {
  if (renews || isNodeChain(peer))
    throw new LanyardError('proxy_forbidden', 'expected this certificate on a connection that ends here')
}

const openJudges = (ports: Ports) => {
  const agents = new AgentCertificates(ports)
  return {
    agents,
    nodes: new NodeCertificates(ports),
    secrets: new AgentSecrets(ports, agents),
    externals: new ExternalTokens(ports),
    principals: new Principals(ports),
  }
}

type Judges = ReturnType<typeof openJudges> & { readonly ports: Ports }

interface Shown {
  readonly id: RouteId
  readonly shown: ReturnType<typeof readAuthorization>
  readonly peer: PeerChain | null
  /** `X-Lanyard-Tenant-Id`. */
  readonly tenant: string | undefined
}

async function callerOf(request: Shown, judges: Judges): Promise<Caller> {
  const { id, shown, peer, tenant } = request
  if (shown === null) {
    if (peer === null) throw new LanyardError('unauthenticated', 'expected a bearer credential or a client certificate')
    return await callerOfCertificate(peer, id, judges)
  }
  // Two factors of one identity, each judged there; everywhere else two credentials are two identities that must agree.
  if (shown.scheme === 'lanyard-secret') {
    // Whether a secret counts is not told where it opens nothing.
    if (!accepts(id, 'agent-secret')) throw new LanyardError('unauthenticated', 'expected no secret of an agent here')
    return await judges.secrets.caller(shown.token, peer)
  }
  const caller =
    accepts(id, 'external-token') && !isOurs(shown.token)
      ? await judges.externals.caller(shown.token, tenant)
      : await callerOfBearer(shown.token, tenant, judges)
  if (peer !== null) requireSame(caller, await callerOfCertificate(peer, id, judges, false))
  return caller
}

const accepts = (id: RouteId, kind: string): boolean => {
  const { auth } = routes[id]
  return auth.kind === 'identity' && (auth.accepts as readonly string[]).includes(kind)
}

/**
 * An agent by its own certificate; where managers may call, as the principal that it is bound as, which knows its agent:
 * what its roles do not reach, it does as that where agents may. A node by what a node has, and what is neither by the
 * operators' authority.
 */
async function callerOfCertificate(
  peer: PeerChain,
  id: RouteId,
  { agents, nodes, principals }: Judges,
  mayHaveEnded = MAY_HAVE_ENDED.has(id),
): Promise<Caller> {
  if (isNodeChain(peer)) return await nodes.caller(peer, mayHaveEnded)
  if (principals.isOperator(peer)) return await principals.ofCertificate(peer)
  const agent = await agents.caller(peer, mayHaveEnded)
  if (!accepts(id, 'principal')) return agent
  try {
    return (await principals.ofSvid(agent)) ?? agent
  } catch (error) {
    // Who was shut out as a principal is an agent yet, as long as that lives.
    if (accepts(id, 'agent-certificate') && error instanceof LanyardError && SHUT_OUT.has(error.code)) return agent
    throw error
  }
}

const SHUT_OUT: ReadonlySet<string> = new Set(['principal_barred', 'credential_too_old'])

/** What says that we made it is judged as that, wherever it comes: a dead agent is told that it is dead. */
const isOurs = (text: string): boolean => text.startsWith(API_KEY_PREFIX) || isAgentToken(text)

async function callerOfBearer(text: string, tenant: string | undefined, judges: Judges): Promise<Caller> {
  const { ports, principals } = judges
  const key = parseApiKey(text, ports.crypto)
  if (key) return await callerOfKey(key, ports)
  if (text.startsWith(API_KEY_PREFIX)) throw new LanyardError('unauthenticated', 'this API key is not whole')
  if (isAgentToken(text)) return await callerOfToken(text, ports)
  return await principals.ofToken(text, tenant)
}

async function callerOfKey(
  { id, hash }: { readonly id: string; readonly hash: Uint8Array },
  { store, rows, clock }: Ports,
): Promise<Caller> {
  return callerOfApiKey(await store.read(() => findApiKey(rows, id)), hash, clock.now())
}

// Whoever shows two credentials must not be one by the first and another by the second.
function requireSame(bearer: Caller, presented: Caller): void {
  // The token of an agent beside the certificate of the same one, whatever that is bound to.
  const asAgent = bearer.kind === 'agent-token' && presented.kind === 'principal' ? presented.svid : null
  const certificate = asAgent ?? presented
  const sameAgent =
    bearer.kind === 'agent-token' &&
    certificate.kind === 'agent-certificate' &&
    bearer.tenant === certificate.tenant &&
    bearer.agent === certificate.agent
  const samePrincipal = bearer.kind === 'principal' && certificate.kind === 'principal' && bearer.id === certificate.id
  if (!sameAgent && !samePrincipal)
    throw new LanyardError('credential_conflict', 'expected both credentials to be of the same one')
}
