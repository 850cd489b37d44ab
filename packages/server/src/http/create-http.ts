import { routes } from '@lanyard/api'
import { concernOf, identityOf, knownRefusalOf } from '@lanyard/authority'
import { createHandlers } from '../handlers/index.ts'
import { countAnswer } from '../observe/answers.ts'
import { serverMeters } from '../observe/server-meters.ts'
import { createJudge } from '../policy/judge.ts'
import { AgentSessions } from './agent-sessions.ts'
import { createAuthenticate } from './authenticate/index.ts'
import { Deadlines } from './deadlines.ts'
import { Listener } from './listener.ts'
import { Mount, type MountParts } from './mount.ts'
import type { HttpParts, HttpServer } from './ports.ts'
import { RateLimit } from './rate-limit.ts'

/** Whose the connections of proxies are: no tenant has a name with a blank. */
const PROXIES = 'the proxies'

/** The HTTP side of a server: the declared API behind one listener. `inspect` is for tests. */
export function createHttp(parts: HttpParts, inspect?: MountParts['inspect']): HttpServer {
  const { limits, log, clock, meters = serverMeters() } = parts
  const deadlines = new Deadlines(limits.body_timeout_ms, () => performance.now())
  const sessions = new AgentSessions(parts.feed, connection => mount.cut(connection))
  const ready = () => !listener.closing && (parts.ready?.() ?? true) && !parts.evicted?.()
  const mount = new Mount({
    routes,
    handlers: createHandlers({ ...parts, meters }, ready),
    authenticate: createAuthenticate(parts),
    rateLimit: new RateLimit(limits.rate_per_minute, clock),
    bodyBytes: limits.body_bytes,
    deadlines,
    log,
    closing: () => listener.closing,
    // Agents that the gate turned away when they asked for a certificate, and known credentials; strangers are counted
    // by their connection.
    async refused(error, { id, source, correlation }) {
      const known = knownRefusalOf(error)
      if (known) return await parts.issuing.refused(error, { ...known, source, correlation })
      const agent = id === 'issueCert' ? concernOf(error) : undefined
      if (agent) await parts.issuing.refused(error, { agent, actor: `agent:${agent.spiffeId}`, source, correlation })
    },
    prove(connection, { caller, carrier }) {
      listener.prove(connection, carrier === null ? caller.tenant || identityOf(caller) : PROXIES)
      // Whoever is bound to a role is an agent yet, and its connections end with it.
      const holder = carrier ?? (caller.kind === 'principal' ? caller.svid : null) ?? caller
      if (holder !== 'proxy' && holder.kind === 'agent-certificate') sessions.begin(connection, holder)
    },
    whileAlive: (streaming, caller) => sessions.whileAlive(streaming, caller),
    judge: createJudge(parts),
    evicted: () => parts.evicted?.() ?? false,
    answered: answer => countAnswer(meters, answer),
    keep: (response, connection) => listener.keep(response, connection),
    ...(inspect === undefined ? {} : { inspect }),
  })
  const listener: Listener = new Listener({
    limits,
    tls: parts.tls,
    log,
    serve: arrival => void mount.serve(arrival),
    sweep: () => deadlines.sweep(),
    stopping() {
      mount.endStreams()
      parts.policies.release()
    },
  })
  return listener
}
