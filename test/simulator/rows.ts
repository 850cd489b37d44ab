import type {
  AgentKey,
  AgentState,
  ApiKeyState,
  CertificateState,
  DeathState,
  LineageState,
  Rows,
  Step,
  Subject,
  TenantState,
} from '@lanyard/authority'
import { accessTables } from './access-rows.ts'
import type { Transaction } from './database.ts'
import { federationTables } from './federation-rows.ts'
import { incidentRows } from './incident-rows.ts'
import { nodeTables } from './node-rows.ts'
import { secretRows } from './secret-rows.ts'
import { Violation } from './violation.ts'

/** How the tables of a simulation differ from sound ones. */
export interface RowFaults {
  /** Takes epochs from a sequence, without keeping the next kill from its own before the commit. */
  readonly epochBySequence?: boolean
  /** `claim` reads and keeps nobody away. */
  readonly claimWithoutLock?: boolean
  /** The same of the secrets of agents. */
  readonly secretWithoutClaim?: boolean
  /** Writes down which token of a provider opened what, and waits for nobody who does the same. */
  readonly tokenWithoutClaim?: boolean
}

/** One statement. */
export function* ask<T>(name: string, run: (transaction: Transaction) => T): Step<T> {
  return (yield { sql: name, parameters: [run] }) as T
}

/** What leaves no trace that anything here depends on. */
const nothing = () => ask('nothing', () => [])

const keyOf = ({ tenant, agent }: AgentKey) => `${tenant}/${agent}`
const isOpen = ({ standing }: LineageState) => standing !== 'ended'
export const isOf = (key: AgentKey) => (one: AgentKey) => one.tenant === key.tenant && one.agent === key.agent

/** The tables that the steps of kill and issue use, as statements for {@link Transaction}. */
export function simulatedRows(faults: RowFaults = {}): Rows {
  return {
    tenants: tenantRows(),
    agents: agentRows(),
    lineages: lineageRows(faults),
    certificates: certificateRows(),
    events: { append: nothing, list: () => ask('events.list', () => ({ items: [], next: null })) },
    apiKeys: apiKeyRows(),
    epoch: epochRows(faults),
    sight: sightRows(),
    deaths: deathRows(),
    incidents: incidentRows(),
    services: { removeAll: nothing },
    secrets: secretRows(faults),
    ...nodeTables(),
    ...federationTables(faults),
    ...accessTables(),
  } as unknown as Rows
}

const tenantRows = () => ({
  find: (tenant: string) => ask('tenants.find', tx => tx.get<TenantState>('tenants', tenant)),
  update: (tenant: TenantState) => ask('tenants.update', tx => tx.put('tenants', tenant.tenant, tenant)),
})

const agentRows = () => ({
  find: (key: AgentKey) => ask('agents.find', tx => tx.get<AgentState>('agents', keyOf(key))),
  findById: (id: string) =>
    ask('agents.findById', tx => tx.all<AgentState>('agents').find(({ spiffeId }) => spiffeId === id)),
  insert: (agent: AgentState) =>
    ask('agents.insert', tx => {
      tx.lock('agents', keyOf(agent))
      if (tx.get('agents', keyOf(agent))) throw new Violation(`agent ${keyOf(agent)} was registered twice`)
      tx.put('agents', keyOf(agent), agent)
    }),
  update: (agent: AgentState) => ask('agents.update', tx => tx.put('agents', keyOf(agent), agent)),
  holding: (tenant: string) =>
    ask('agents.holding', tx => {
      const open = tx.all<LineageState>('lineages').filter(isOpen)
      return tx.all<AgentState>('agents').filter(agent => agent.tenant === tenant && open.some(isOf(agent)))
    }),
  quarantineAll: (tenant: string, at: number) =>
    ask('agents.quarantineAll', tx =>
      change<AgentState>(
        tx,
        'agents',
        agent => agent.tenant === tenant && agent.lifecycle !== 'quarantined' && agent.lifecycle !== 'retired',
        agent => ({
          ...agent,
          lifecycle: 'quarantined',
          deadThrough: Math.max(agent.deadThrough, agent.incarnation),
          updatedAt: at,
        }),
        keyOf,
      ),
    ),
  reinstateAll: (tenant: string, killedAt: number, at: number) =>
    ask('agents.reinstateAll', tx =>
      change<AgentState>(
        tx,
        'agents',
        agent => agent.tenant === tenant && agent.lifecycle === 'quarantined' && agent.updatedAt === killedAt,
        agent => ({ ...agent, lifecycle: 'pending', incarnation: agent.deadThrough + 1, updatedAt: at }),
        keyOf,
      ),
    ),
})

/** An UPDATE: the rows that it found when it began, as they are once their locks are had; gives how many. */
export function change<T extends object>(
  tx: Transaction,
  table: string,
  where: (row: T) => boolean,
  to: (row: T) => T,
  key: (row: T) => string,
): number {
  const found = tx.once(table, () => tx.all<T>(table).filter(where).map(key))
  for (const one of found) tx.lock(table, one)
  const rows = found.map(one => tx.get<T>(table, one)!).filter(where)
  for (const row of rows) tx.put(table, key(row), to(row))
  return rows.length
}

function subjectOf(tx: Transaction, id: string): Subject | undefined {
  const lineage = tx.get<LineageState>('lineages', id)
  if (lineage === undefined) return undefined
  return {
    lineage,
    agent: tx.get<AgentState>('agents', keyOf(lineage))!,
    tenant: tx.get<TenantState>('tenants', lineage.tenant)!,
  }
}

const lineageRows = ({ claimWithoutLock }: RowFaults) => ({
  subject: (id: string) => ask('lineages.subject', tx => subjectOf(tx, id)),
  // FOR UPDATE OF one table: after a wait its row is read anew, those that are joined are as they were before.
  claim: (id: string) =>
    ask('lineages.claim', tx => {
      const before = tx.once('subject', () => subjectOf(tx, id))
      if (!claimWithoutLock) tx.lock('lineages', id)
      return before && { ...before, lineage: tx.get<LineageState>('lineages', id)! }
    }),
  insert: (lineage: LineageState) => ask('lineages.insert', tx => tx.put('lineages', lineage.id, lineage)),
  change: (id: string, to: Partial<LineageState>) =>
    ask('lineages.change', tx => {
      tx.lock('lineages', id)
      tx.put('lineages', id, { ...tx.get<LineageState>('lineages', id)!, ...to })
    }),
  end: (ids: readonly string[]) => ask('lineages.end', tx => endLineages(tx, ({ id }) => ids.includes(id))),
  endAll: (key: AgentKey) => ask('lineages.endAll', tx => endLineages(tx, isOf(key))),
  endAllOf: (tenant: string) => ask('lineages.endAllOf', tx => endLineages(tx, one => one.tenant === tenant)),
  ofAgent: (key: AgentKey) => ask('lineages.ofAgent', tx => openLineages(tx, isOf(key))),
  linked: (by: Record<string, unknown>, tenant: string | null, limit: number) =>
    ask('lineages.linked', tx => openLineages(tx, linkedBy(tx, by, tenant)).slice(0, limit)),
  countInternal: (tenant: string, at: number) =>
    ask('lineages.countInternal', tx => {
      const internal = openLineages(tx, linkedBy(tx, { internalTo: tenant }, tenant))
      return internal.filter(({ endsAt }) => endsAt > at).length
    }),
})

function endLineages(tx: Transaction, whose: (one: LineageState) => boolean): void {
  const where = (one: LineageState) => isOpen(one) && whose(one)
  change<LineageState>(
    tx,
    'lineages',
    where,
    one => ({ ...one, standing: 'ended' }),
    ({ id }) => id,
  )
}

const openLineages = (tx: Transaction, where: (one: LineageState) => boolean) =>
  tx.all<LineageState>('lineages').filter(one => isOpen(one) && where(one))

function linkedBy(tx: Transaction, by: Record<string, unknown>, tenant: string | null) {
  const certificates = () => tx.all<CertificateState>('certificates')
  const holds = (id: string) => certificates().some(one => one.lineage === id && one.keyThumbprint === by.keyThumbprint)
  return (one: LineageState): boolean => {
    if (tenant !== null && one.tenant !== tenant) return false
    if ('internalTo' in by) return one.tenant === by.internalTo && !one.mintedBy.startsWith('idp:')
    if ('keyThumbprint' in by) return holds(one.id)
    return 'mintedBy' in by ? one.mintedBy === by.mintedBy : 'jti' in by && one.jti === by.jti
  }
}

type Whose = Parameters<Rows['certificates']['revoke']>[0]

function ownedBy(whose: Whose): (one: CertificateState) => boolean {
  if ('lineages' in whose) return one => isOf(whose)(one) && whose.lineages.includes(one.lineage)
  if ('lineage' in whose) return one => one.lineage === whose.lineage
  return 'agent' in whose ? isOf(whose) : one => one.tenant === whose.tenant
}

const certificateRows = () => ({
  find: (_issuer: string, serial: string) =>
    ask('certificates.find', tx => tx.get<CertificateState>('certificates', serial)),
  findBySerial: (serial: string) =>
    ask('certificates.findBySerial', tx => tx.get<CertificateState>('certificates', serial)),
  insert: (one: CertificateState) => ask('certificates.insert', tx => tx.put('certificates', one.serial, one)),
  revoke: (whose: Whose, { at, reason }: { at: number; reason: string }) =>
    ask('certificates.revoke', tx => {
      const mine = ownedBy(whose)
      const where = (one: CertificateState) => mine(one) && one.revokedAt === null && (one.notAfter + 1) * 1000 > at
      const before = tx.once('revoked', () => tx.all<CertificateState>('certificates').filter(where))
      const to = (one: CertificateState) => ({ ...one, revokedAt: at, revokedReason: reason })
      change<CertificateState>(tx, 'certificates', where, to, ({ serial }) => serial)
      return before.map(({ serial }) => serial)
    }),
  list: (filter: Partial<CertificateState> & { now: number }) =>
    ask('certificates.list', tx => {
      const mine = ownedBy(filter as AgentKey)
      const lives = (one: CertificateState) => one.revokedAt === null && (one.notAfter + 1) * 1000 > filter.now
      return { items: tx.all<CertificateState>('certificates').filter(one => mine(one) && lives(one)), next: null }
    }),
})

const apiKeyRows = () => ({
  find: (id: string) => ask('apiKeys.find', tx => tx.get<ApiKeyState>('api_keys', id)),
  madeBy: (maker: string) =>
    ask('apiKeys.madeBy', tx => {
      const made = tx.all<ApiKeyState>('api_keys').filter(({ createdBy }) => createdBy === maker)
      return made.map(({ id }) => id)
    }),
  revokeTree: (id: string, at: number) =>
    ask('apiKeys.revokeTree', tx => {
      const where = (one: ApiKeyState) => one.id === id && one.revokedAt === null
      change<ApiKeyState>(
        tx,
        'api_keys',
        where,
        one => ({ ...one, revokedAt: at }),
        one => one.id,
      )
      return [id]
    }),
})

const epochRows = ({ epochBySequence }: RowFaults) => ({
  current: () => ask('epoch.current', tx => tx.get<{ value: number }>('epoch', 'one')?.value ?? 0),
  bump: () =>
    ask('epoch.bump', tx => {
      if (!epochBySequence) tx.lock('epoch', 'one')
      const value = epochBySequence
        ? ++tx.database.sequence
        : (tx.get<{ value: number }>('epoch', 'one')?.value ?? 0) + 1
      if (epochBySequence) tx.writes.set('epoch/one', { value })
      else tx.put('epoch', 'one', { value })
      return value
    }),
})

/** Which life of the database this is, and its epoch, in one statement. */
const sightRows = () => ({
  look: () =>
    ask('sight.look', tx => ({
      epoch: tx.get<{ value: number }>('epoch', 'one')?.value ?? 0,
      place: `timeline ${tx.database.timeline}`,
    })),
})

const nameOf = ({ kind, value }: Pick<DeathState, 'kind' | 'value'>) => `${kind} ${value}`

const deathRows = () => ({
  find: (kind: DeathState['kind'], value: string) =>
    ask('deaths.find', tx => tx.get<DeathState>('deaths', nameOf({ kind, value }))),
  among: (subjects: readonly (readonly [DeathState['kind'], string])[]) =>
    ask('deaths.among', tx =>
      subjects.flatMap(([kind, value]) => tx.get<DeathState>('deaths', nameOf({ kind, value })) ?? []),
    ),
  put: (deaths: readonly DeathState[]) =>
    ask('deaths.put', tx => {
      for (const death of deaths) tx.lock('deaths', nameOf(death))
      for (const death of deaths) {
        const before = tx.get<DeathState>('deaths', nameOf(death))
        const through = Math.max(death.through, before?.through ?? 0)
        tx.put('deaths', nameOf(death), { ...death, through, reborn: Math.max(death.reborn, before?.reborn ?? 0) })
      }
    }),
  since: (epoch: number, limit: number) =>
    ask('deaths.since', tx => {
      const later = tx.all<DeathState>('deaths').filter(one => one.epoch > epoch)
      return later.toSorted(byEpoch).slice(0, limit)
    }),
  all: (now: number) =>
    ask('deaths.all', tx => {
      const matter = tx.all<DeathState>('deaths').filter(({ until }) => until === null || until >= now)
      return matter.toSorted(byEpoch)
    }),
})

const byEpoch = (a: DeathState, b: DeathState) => a.epoch - b.epoch
