import type { AgentState, CertificateState, DeathState, LineageState, NodeState, TenantState } from '@lanyard/authority'
import type { Database } from './database.ts'
import { Violation } from './violation.ts'
import { checkEnded, checkVouching } from './vouching-rules.ts'

/** What must hold of everything that is committed, at every moment. */
export class StoreRules {
  #epoch = 0
  #deaths = new Map<string, number>()
  #deadThrough = new Map<string, number>()

  /** Throws {@link Violation}. `at`: Unix milliseconds. */
  check(database: Database, at: number): void {
    const agents = new Map(database.rows<AgentState>('agents').map(one => [`${one.tenant}/${one.agent}`, one]))
    const tenants = new Map(database.rows<TenantState>('tenants').map(one => [one.tenant, one]))
    const keys = new Set(
      database.rows<DeathState>('deaths').flatMap(({ kind, value }) => (kind === 'key' ? value : [])),
    )
    for (const one of database.rows<CertificateState>('certificates')) {
      if (one.revokedAt !== null || (one.notAfter + 1) * 1000 <= at) continue
      checkCertificate(one, agents, tenants)
      if (keys.has(one.keyThumbprint))
        throw new Violation(`a certificate of ${one.agent} is alive, and its key is dead`)
    }
    for (const one of database.rows<LineageState>('lineages')) checkLineage(one, agents)
    checkNodes(database, at)
    checkVouching(database)
    checkEnded(database, at)
    checkGenerations(database.rows<CertificateState>('certificates'))
    for (const [name, { deadThrough }] of agents) this.#checkDead(name, deadThrough)
    this.#checkEpochs(database)
  }

  /** The database went back: what is lost counts as never having been. */
  reset(database: Database): void {
    this.#epoch = epochOf(database)
    this.#deaths = deathsOf(database)
    this.#deadThrough.clear()
  }

  #checkDead(name: string, deadThrough: number): void {
    const before = this.#deadThrough.get(name) ?? 0
    if (deadThrough < before) throw new Violation(`incarnation ${before} of ${name} was dead and is no longer`)
    this.#deadThrough.set(name, deadThrough)
  }

  /** Whoever has read an epoch has seen every death up to it. */
  #checkEpochs(database: Database): void {
    const epoch = epochOf(database)
    if (epoch < this.#epoch) throw new Violation(`epoch ${epoch} was committed after ${this.#epoch}`)
    const deaths = deathsOf(database)
    for (const [name, one] of deaths)
      if (one <= this.#epoch && this.#deaths.get(name) !== one)
        throw new Violation(`the death of ${name} became visible with epoch ${one} when ${this.#epoch} was read before`)
    this.#epoch = epoch
    this.#deaths = deaths
  }
}

const epochOf = (database: Database) => (database.committed('epoch/one') as { value: number } | undefined)?.value ?? 0
const deathsOf = (database: Database) =>
  new Map(database.rows<DeathState>('deaths').map(({ kind, value, epoch }) => [`${kind} ${value}`, epoch]))

function checkCertificate(
  one: CertificateState,
  agents: ReadonlyMap<string, AgentState>,
  tenants: ReadonlyMap<string, TenantState>,
): void {
  const agent = agents.get(`${one.tenant}/${one.agent}`)!
  const tenant = tenants.get(one.tenant)!
  const name = `certificate ${one.serial.slice(-4)} of ${one.agent}, incarnation ${one.incarnation},`
  if (one.incarnation <= agent.deadThrough)
    throw new Violation(`${name} is alive after the kill of all up to ${agent.deadThrough}`)
  if (one.incarnation !== agent.incarnation)
    throw new Violation(`${name} is alive while its agent is in incarnation ${agent.incarnation}`)
  if (agent.lifecycle === 'quarantined' || agent.lifecycle === 'retired')
    throw new Violation(`${name} is alive while its agent is ${agent.lifecycle}`)
  if (tenant.deadThrough >= tenant.incarnation) throw new Violation(`${name} is alive in a killed tenant`)
}

function checkLineage(one: LineageState, agents: ReadonlyMap<string, AgentState>): void {
  const { deadThrough } = agents.get(`${one.tenant}/${one.agent}`)!
  if (one.standing === 'open' && one.incarnation <= deadThrough)
    throw new Violation(`lineage ${one.id.slice(-4)} of ${one.agent} is open after the kill`)
}

/** Nothing lives that a banned node got for its workloads, and none of it goes on. */
function checkNodes(database: Database, at: number): void {
  const banned = database.rows<NodeState>('nodes').filter(({ bannedAt }) => bannedAt !== null)
  const minters = new Set(banned.map(({ node }) => `node:${node}`))
  const lineages = database.rows<LineageState>('lineages').filter(({ mintedBy }) => minters.has(mintedBy))
  for (const { id, standing } of lineages)
    if (standing === 'open') throw new Violation(`lineage ${id.slice(-4)} is open, and its node is banned`)
  const theirs = new Set(lineages.map(({ id }) => id))
  for (const { lineage, serial, revokedAt, notAfter } of database.rows<CertificateState>('certificates'))
    if (theirs.has(lineage) && revokedAt === null && (notAfter + 1) * 1000 > at)
      throw new Violation(`certificate ${serial.slice(-4)} is alive, and its node is banned`)
}

/** Of two that renew one certificate, one is a thief: never do both get away with it. */
function checkGenerations(certificates: readonly CertificateState[]): void {
  const keys = new Map<string, string>()
  for (const { lineage, generation, keyThumbprint } of certificates) {
    const place = `${lineage} ${generation}`
    if ((keys.get(place) ?? keyThumbprint) !== keyThumbprint)
      throw new Violation(`two keys have generation ${generation} of lineage ${lineage.slice(-4)}`)
    keys.set(place, keyThumbprint)
  }
}
