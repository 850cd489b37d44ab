import type { KeyObject } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { errorsOf, type KeyRole, LanyardError, type Route, type RouteId } from '@lanyard/api'
import {
  AGENT_TOKEN_TYP,
  type AgentKey,
  agentTokenClaims,
  createApiKey,
  exclusiveAll,
  newApiKey,
} from '@lanyard/authority'
import { buildCsr, encodePem, ProtocolError, signJwt } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { inProcessBus } from '../bus/in-process.ts'
import { serverConfig } from '../config.ts'
import { RunningFeed } from '../feed/feed.ts'
import { createHttp } from '../http/create-http.ts'
import type { Feed, HttpLimits, HttpParts, HttpServer } from '../http/ports.ts'
import type { IncidentRunner } from '../incidents/runner.ts'
import { openIncidents } from '../instance/open-incidents.ts'
import { openIssuers } from '../issuers/index.ts'
import { RunningNodeNews } from '../node-news/news.ts'
import { RunningPolicies } from '../policy/desk.ts'
import { createIssueGate } from '../policy/issuing.ts'
import { readProxyTrust } from '../proxies/trust.ts'
import { type Answer, type CallOptions, type ClientTls, send } from './client.ts'
import { openPipeline, type Pipeline } from './pipeline.ts'

/** A clock that goes on when it is told to, from the present. */
export class HandClock {
  #ms = Date.now()

  now(): number {
    return this.#ms
  }

  advance(seconds: number): void {
    this.#ms += seconds * 1000
  }
}

/** A certificate as an agent holds it. */
export interface Held extends ClientTls {
  readonly serial: string
  readonly privateKey: KeyObject
}

/**
 * A server on a free port: the real listener, store (in memory) and authorities. Every reply and every refusal is held
 * against the declaration of its route; {@link close} throws when one did not fit.
 */
export interface HttpHarness {
  readonly port: number
  readonly http: HttpServer
  readonly pipeline: Pipeline
  readonly feed: RunningFeed
  readonly nodeNews: RunningNodeNews
  readonly incidents: IncidentRunner
  readonly policies: RunningPolicies
  readonly clock: HandClock
  readonly rootPem: string
  /** Messages of the log, those of refusals left out. */
  readonly logged: readonly string[]
  /** The text of a new API key, put into the store directly. */
  apiKey(role: KeyRole, scope?: KeyScope): Promise<string>
  /** Tenant (if it is new) and agent. */
  agent(key: AgentKey): Promise<void>
  /** A fresh agent token. */
  token(key: AgentKey, jkt?: string): Promise<string>
  /** A fresh certificate by a fresh token. */
  certificate(key: AgentKey): Promise<Held>
  call(call: string, options?: CallOptions): Promise<Answer>
  close(): Promise<void>
}

export const csrOf = async (key: KeyObject) => encodePem('CERTIFICATE REQUEST', await buildCsr(nodeSigner(key)))
export const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string

const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

export async function openHttp(
  settings: { limits?: Partial<HttpLimits>; parts?: (parts: HttpParts) => HttpParts } = {},
): Promise<HttpHarness> {
  const clock = new HandClock()
  const pipeline = await openPipeline(clock)
  const misfits: string[] = []
  const logged: string[] = []
  const feed = await feedOf(pipeline, misfits)
  const incidents = incidentsOf(pipeline, feed, misfits)
  const nodeNews = await newsOf(pipeline, feed, misfits)
  const policies = await RunningPolicies.start({
    ...{ watch: pipeline.store, rows: pipeline.rows, clock, timers: { every: () => () => {} } },
    ...{ bus: inProcessBus(), epoch: () => 0, pollMs: 200, timeoutMs: 1000 },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  pipeline.askFirst(createIssueGate({ ...pipeline, policies }))
  const parts = { ...partsOf(pipeline, settings.limits ?? {}, logged), feed, nodeNews, incidents, policies }
  const http = createHttp(settings.parts?.(parts) ?? parts, (id, route, outcome) => {
    const misfit = misfitOf(id, route, outcome)
    if (misfit !== null) misfits.push(misfit)
  })
  const { port } = await http.listen('127.0.0.1', 0)
  const rootPem = pipeline.authorities.rootsPem()
  return {
    port,
    http,
    pipeline,
    feed,
    nodeNews,
    incidents,
    policies,
    clock,
    rootPem,
    logged,
    apiKey: (role, scope) => apiKey(pipeline, role, scope),
    agent: key => agent(pipeline, key),
    token: (key, jkt) => token(pipeline, key, jkt),
    certificate: key => certificate(pipeline, key),
    call: (call, options) => send(port, rootPem, call, options),
    async close() {
      await http.close(100)
      await incidents.stop()
      policies.stop()
      nodeNews.stop()
      await feed.stop()
      await pipeline.close()
      if (misfits.length > 0) throw new Error(`not as declared: ${[...new Set(misfits)].join('; ')}`)
    },
  }
}

function partsOf(
  pipeline: Pipeline,
  limits: Partial<HttpLimits>,
  logged: string[],
): Omit<HttpParts, 'feed' | 'nodeNews' | 'incidents' | 'policies'> {
  const { authorities } = pipeline
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  return {
    ...pipeline,
    dice,
    crypto: nodeCrypto,
    tenantDefaults: { keyPolicy: 'modern', renewalGraceSec: 3600 },
    maxLineageSec: 30 * 86_400,
    nodes: { certTtlSec: 3600, graceSec: 7 * 86_400, x509pop: null },
    issuers: openIssuers({
      ...{ settings: serverConfig({}).idp, roots: [], clock: pipeline.clock, crypto: nodeCrypto },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    }),
    admission: { agentMtlsRequired: false, agentMtlsCa: [], dnsSuffix: 'agents.test' },
    operatorCa: [],
    proxies: readProxyTrust(serverConfig({}).proxy),
    sealingSecret: authorities.deriveSecret('introspection-secrets'),
    challengeSecret: authorities.deriveSecret('x509pop-challenge'),
    cursorSecret: authorities.deriveSecret('cursor'),
    limits: { ...serverConfig({}).limits, ...limits },
    tls: authorities.serverTls(),
    log: { debug() {}, info: log, warn: log, error: log },
  }
}

function incidentsOf(pipeline: Pipeline, feed: Feed, misfits: string[]): IncidentRunner {
  const error = (fields: object, message: string) => void misfits.push(`${message} ${inspect(fields)}`)
  const log = { debug() {}, info() {}, warn() {}, error }
  return openIncidents(pipeline, pipeline.authorities, feed, { events_days: 90 }, { clock: pipeline.clock, log })
}

/** The feed of the harness looks at the database when it is told to, and not by itself. */
function feedOf({ store, rows, authorities, instance, clock }: Pipeline, misfits: string[]): Promise<RunningFeed> {
  const note = (fields: object, message: string) => void misfits.push(`${message} ${inspect(fields)}`)
  return RunningFeed.start({
    ...{ store, watch: store, rows, instance, clock, crypto: nodeCrypto },
    bus: inProcessBus(),
    timers: { every: () => () => {} },
    log: { debug() {}, info() {}, warn: note, error: note },
    template: '/tenant/{tenant}/agent/{agent}',
    signer: () => authorities.feedSigner(),
    heartbeatMs: 1000,
    pollMs: 200,
  })
}

/** It looks when it is told to, and not by itself. */
function newsOf({ store, rows, authorities, clock }: Pipeline, feed: RunningFeed, misfits: string[]) {
  const note = (fields: object, message: string) => void misfits.push(`${message} ${inspect(fields)}`)
  return RunningNodeNews.start({
    ...{ store, watch: store, rows, authorities, feed, clock, crypto: nodeCrypto },
    bus: inProcessBus(),
    epoch: () => feed.stats.epoch,
    timers: { every: () => () => {} },
    log: { debug() {}, info() {}, warn: note, error: note },
    pollMs: 200,
  })
}

interface KeyScope {
  readonly tenant?: string
  readonly agents?: string
  readonly rateLimit?: number
  readonly expiresInSec?: number
}

async function apiKey({ store, rows, clock }: Pipeline, role: KeyRole, scope: KeyScope = {}): Promise<string> {
  const fresh = newApiKey(dice, nodeCrypto)
  const act = { caller: 'server', at: clock.now(), source: null, correlation: null } as const
  await store.write(() => createApiKey(rows, { name: role, role, ...scope }, fresh, act), exclusiveAll)
  return fresh.key
}

async function agent(pipeline: Pipeline, key: AgentKey): Promise<void> {
  const { store, rows } = pipeline
  if (!(await store.read(() => rows.tenants.find(key.tenant)))) await pipeline.tenant(key.tenant)
  await pipeline.agent(key)
}

async function token(pipeline: Pipeline, key: AgentKey, jkt: string | undefined): Promise<string> {
  const { store, rows, authorities } = pipeline
  const { lineage: id } = await pipeline.bootstrap(key, jkt)
  const subject = await store.read(() => rows.lineages.subject(id))
  const { kid, signer } = authorities.tokenSigner()
  const claims = agentTokenClaims(authorities.trustDomain, subject!.lineage)
  return await signJwt({ typ: AGENT_TOKEN_TYP, kid, claims }, signer)
}

async function certificate(pipeline: Pipeline, key: AgentKey): Promise<Held> {
  const privateKey = generateKeyNow('P-256')
  const csr = await buildCsr(nodeSigner(privateKey))
  const caller = await pipeline.bootstrap(key)
  const issued = await pipeline.issuing.issue({ caller, csr, source: null, correlation: null })
  const cert = encodePem('CERTIFICATE', issued.der) + issued.chainPem
  return { serial: issued.serial, privateKey, key: pemOf(privateKey), cert }
}

/** What is wrong with a reply or a refusal, by the declaration of its route; null when nothing is. */
function misfitOf(id: RouteId, route: Route, outcome: { reply: unknown } | { error: unknown }): string | null {
  if ('error' in outcome) {
    const { error } = outcome
    if (!(error instanceof LanyardError || error instanceof ProtocolError)) return null
    return errorsOf(route).includes(error.code) ? null : `${id} was refused with ${error.code}`
  }
  if (route.stream) return typeof outcome.reply === 'function' ? null : `${id} replied no stream`
  if (route.reply === undefined) return outcome.reply === undefined ? null : `${id} replied something`
  const result = route.reply.safeParse(outcome.reply)
  return result.success ? null : `${id} replied ${result.error.message}`
}
