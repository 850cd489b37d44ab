import { randomBytes } from 'node:crypto'
import { type KeyPolicy, permissionsOf, type Tier } from '@lanyard/api'
import {
  type Act,
  type AgentKey,
  type ApiKeyCaller,
  type CertificateCaller,
  type Clock,
  createAgent,
  createTenant,
  exclusive,
  freshLineage,
  type IssueGate,
  Issuing,
  openLineage,
  type SpiffeIdOf,
  type Store,
  shared,
  type TokenCaller,
} from '@lanyard/authority'
import { IdTemplate, TrustDomain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { Authorities } from '../instance/authorities.ts'
import type { KeyManager } from '../keys/key-manager.ts'
import { MemoryKeys } from '../keys/memory.ts'
import { openSqliteStore } from '../store/index.ts'
import type { OpenStore, StoreRows } from '../store/ports.ts'

/** The issuing pipeline on a real store and real authorities, without HTTP. */
export interface Pipeline {
  readonly store: Store
  readonly rows: StoreRows
  readonly issuing: Issuing
  readonly authorities: Authorities
  readonly clock: Clock
  /** UUID. */
  readonly instance: string
  readonly spiffeIdOf: SpiffeIdOf
  readonly dnsSuffixes: readonly string[]
  readonly ownHosts: readonly string[]
  /** What happens at this moment, done by an administrator. */
  act(): Act & { readonly caller: ApiKeyCaller }
  tenant(name: string, settings?: { keyPolicy?: KeyPolicy; renewalGraceSec?: number }): Promise<void>
  agent(key: AgentKey, tier?: Tier): Promise<void>
  /** Opens a lineage, and gives the agent as its token would prove it. */
  bootstrap(key: AgentKey, jkt?: string): Promise<TokenCaller>
  /** The agent as a certificate that was issued to it would prove it. */
  holder(serial: string): Promise<CertificateCaller>
  /** From now on everything that is issued is asked about here first. */
  askFirst(gate: IssueGate): void
  close(): Promise<void>
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

/** Opens a pipeline in memory, or on a file. */
export async function openPipeline(clock: Clock, path = ':memory:'): Promise<Pipeline> {
  return await pipelineOn(await openSqliteStore({ path, trustDomain: 'example.test', clock }), clock)
}

/** The pipeline on a store that is open, which ends with it. Instances of one store share their keys. */
export async function pipelineOn(
  open: OpenStore,
  clock: Clock,
  keys: KeyManager = new MemoryKeys(),
): Promise<Pipeline> {
  const { store, rows, instance, close } = open
  const trustDomain = TrustDomain.parse(open.trustDomain)
  const serverNames = { dns: ['localhost'], ips: [] }
  const dnsSuffixes = ['svc.test']
  const ownHosts = ['localhost', 'lanyard.svc.test']
  const wanted = { trustDomain, instance, algorithm: 'P-256', serverNames, dnsSuffixes } as const
  const ports = { store, rows, keys, crypto: nodeCrypto, clock, dice, log: quiet }
  const authorities = await Authorities.open(wanted, {}, ports)
  const template = IdTemplate.parse('/tenant/{tenant}/agent/{agent}')
  const spiffeIdOf = ({ tenant, agent }: AgentKey) => `${template.render(trustDomain, tenant, agent)}`
  const issuer = () => authorities.agentsIssuer()
  let gate: IssueGate | undefined
  const issuing = new Issuing({
    store,
    rows,
    crypto: nodeCrypto,
    clock,
    dice,
    spiffeIdOf,
    issuer,
    dnsSuffixes,
    ownHosts,
    gate: asked => gate?.(asked),
  })
  const act = () => ({ caller: ADMIN, at: clock.now(), source: null, correlation: null })
  return {
    store,
    rows,
    issuing,
    authorities,
    clock,
    instance,
    spiffeIdOf,
    dnsSuffixes,
    ownHosts,
    act,
    close,
    askFirst(asked) {
      gate = asked
    },
    async tenant(name, settings = {}) {
      const defaults = { keyPolicy: 'modern', renewalGraceSec: 3600 } as const
      await store.write(() => createTenant(rows, { tenant: name, ...settings }, defaults, act()), exclusive(name))
    },
    async agent(key, tier) {
      await store.write(() => createAgent(rows, { ...key, tier }, spiffeIdOf, act()), exclusive(key.tenant))
    },
    async bootstrap(key, jkt) {
      const fresh = freshLineage(dice)
      const opened = await store.write(
        () => openLineage(rows, { ...key, jkt }, fresh, 30 * 86_400, act()),
        shared(key.tenant),
      )
      const { agent, lineage } = opened
      return {
        kind: 'agent-token',
        permissions: permissionsOf('agent'),
        tenant: agent.tenant,
        agent: agent.agent,
        spiffeId: agent.spiffeId,
        lineage: lineage.id,
        incarnation: lineage.incarnation,
        jti: lineage.jti,
        jkt: lineage.jkt,
        expiresAt: clock.now() + 900_000,
      }
    },
    async holder(serial) {
      const row = await store.read(() => rows.certificates.findBySerial(serial, null))
      if (!row) throw new Error(`there is no certificate ${serial}`)
      const { tenant, agent, spiffeId, lineage, incarnation, issuerKeyId, keyThumbprint } = row
      const expiresAt = (row.notAfter + 1) * 1000
      const named = { tenant, agent, spiffeId, lineage, incarnation, issuerKeyId, serial, keyThumbprint, expiresAt }
      return { kind: 'agent-certificate', permissions: permissionsOf('agent'), ...named }
    },
  }
}

/** Who may do all, in every tenant. */
export const ADMIN: ApiKeyCaller = {
  kind: 'api-key',
  id: 'admin',
  name: 'admin',
  role: 'admin',
  permissions: permissionsOf('admin'),
  tenant: null,
  agents: null,
  rateLimit: null,
  bounded: false,
  expiresAt: Number.POSITIVE_INFINITY,
}
