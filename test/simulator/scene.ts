import type { CertificateState, LineageState } from '@lanyard/authority'
import type { Database } from './database.ts'
import {
  type AuthorityFaults,
  agentState,
  hexOf,
  type issue,
  operatorKey,
  tenantState,
  tokenCaller,
} from './programs.ts'
import { AT, SmallCase } from './small-case.ts'
import { Violation } from './violation.ts'

export const ACME = 'acme'
export const ALICE = { tenant: ACME, agent: 'alice' }
export const BOB = { tenant: ACME, agent: 'bob' }
export const EVE = { tenant: 'beta', agent: 'eve' }

const lineage = (agent: typeof ALICE, id: number, generation = 0): LineageState => ({
  ...{ ...agent, id: hexOf(id), incarnation: 1, openedAt: AT, endsAt: AT + 1e9, mintedBy: '' },
  ...{ jti: `jti-${id}`, jkt: null, standing: 'open', generation, newestKey: generation > 0 ? `key-${id}` : null },
})

const certificate = (agent: typeof ALICE, of: LineageState, serial: number): CertificateState => ({
  ...{ ...agent, issuerKeyId: 'one', serial: hexOf(serial), spiffeId: agentState(agent).spiffeId, tier: 'restricted' },
  ...{ notBefore: AT / 1000 - 10, notAfter: AT / 1000 + 59, issuedAt: AT, lineage: of.id, generation: of.generation },
  ...{ parent: null, mintedBy: 'agent-token:x', incarnation: 1, keyThumbprint: of.newestKey!, revokedAt: null },
  ...{ revokedReason: null, source: null, correlation: null },
})

/** Two tenants with their agents. */
export function world(faults: AuthorityFaults): SmallCase {
  const scene = new SmallCase(faults)
  for (const tenant of [ACME, 'beta']) scene.given('tenants', tenant, tenantState(tenant))
  for (const agent of [ALICE, BOB, EVE]) scene.given('agents', `${agent.tenant}/${agent.agent}`, agentState(agent))
  scene.given('epoch', 'one', { value: 10 })
  scene.given('api_keys', operatorKey.id, operatorKey)
  scene.site.database.sequence = 10
  return scene
}

/** A lineage of an agent, with its newest certificate where it has one. */
export function withLineage(
  scene: SmallCase,
  agent: typeof ALICE,
  id: number,
  { generation = 0, mintedBy = `api-key:${operatorKey.id}` }: { generation?: number; mintedBy?: string } = {},
) {
  const own = { ...lineage(agent, id, generation), mintedBy }
  scene.given('lineages', own.id, own)
  const held = generation > 0 ? certificate(agent, own, 100 + id) : null
  if (held) scene.given('certificates', held.serial, held)
  return { token: tokenCaller({ lineage: own, agent: agentState(agent) }), held }
}

/** What an agent asks for with its credential, with a key and a serial of its own. */
export const asked = (caller: Parameters<typeof issue>[2]['caller'], number: number, issuerKeyId: string) => ({
  ...{ caller, keyThumbprint: `new-key-${number}`, serial: hexOf(200 + number), issuerKeyId },
})

/** Nothing goes on that was opened with what was killed, once it was. */
export function checkMinted(database: Database, minter: string): void {
  if (database.keys('incidents').length === 0) return
  const open = database.rows<LineageState>('lineages').filter(({ standing }) => standing !== 'ended')
  if (open.some(({ mintedBy }) => mintedBy === minter))
    throw new Violation(`a lineage goes on that was opened by ${minter}, which was killed`)
}
