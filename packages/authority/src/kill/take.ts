import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import { AGENT_TOKEN_SEC, LIFETIME } from '../lifetime.ts'
import type { AgentKey, AgentState, CertificateState, LineageRows, LineageState, Listed, Rows, Step } from '../ports.ts'
import { isOfNode } from '../workloads/lineage.ts'
import { agentDeath, lineageDeath } from './deaths.ts'
import { NAMED_MAX, type Toll } from './toll.ts'

const END = { quarantined: 'agent.quarantined', retired: 'agent.retired' } as const
/** Certificates looked through for the last end; of older ones it is said that they end as late as any could. */
const LOOKED_THROUGH = 200
/** Rows that one statement reads or writes. */
const BATCH = 200
/** Lineages whose certificates one statement revokes. */
const REVOKED = 1000
/** Lineages that are taken between two looks for more: at each, all is walked that their agents got. */
const LINKED = 5000

/** When a certificate issued at this moment would end at the latest. */
const latestEnd = (at: number) => at + LIFETIME.platinum * 1000

/**
 * Takes an agent's identity away, by quarantine or for ever: every incarnation up to the present one is dead, its
 * lineages end, its live certificates are revoked. `agent` may carry other changes of the same act.
 */
export function* takeAgent(
  rows: Rows,
  toll: Toll,
  agent: AgentState,
  lifecycle: keyof typeof END,
  reason: string | null,
  act: Act,
): Step<AgentState> {
  const deadThrough = Math.max(agent.deadThrough, agent.incarnation)
  const after: AgentState = { ...agent, lifecycle, deadThrough, updatedAt: act.at }
  const end = yield* lastEnd(rows, agent, act.at)
  for (const lineage of yield* rows.lineages.ofAgent(agent, NAMED_MAX)) toll.tookLineage(lineage)
  yield* rows.agents.update(after)
  yield* rows.lineages.endAll(agent)
  const revoked = yield* rows.certificates.revoke(agent, { at: act.at, reason: reason ?? lifecycle })
  yield* rows.events.append(eventOf(act, END[lifecycle], agent, { reason, dead_through: deadThrough, revoked }))
  toll.tookAgent(agent)
  toll.tookCertificates(revoked.length, end)
  toll.died(agentDeath(after))
  return after
}

/**
 * Ends lineages and revokes their live certificates; gives the serials. One that has nothing left to show, neither
 * certificate nor token, ends without a word: a key that opened thousands does not fill the feed with them. Nodes get
 * tokens at any time, and open one lineage for each entry.
 */
export function* takeLineages(
  rows: Rows,
  toll: Toll,
  lineages: readonly LineageState[],
  reason: string,
  act: Act,
): Step<readonly string[]> {
  const ends = yield* endsOf(rows, lineages, act.at)
  yield* end(rows, lineages)
  const held = lineages.filter(({ id }) => ends.has(id))
  const revoked = yield* revokeOf(rows, held, { at: act.at, reason })
  toll.tookCertificates(revoked.length, null)
  for (const lineage of lineages) {
    const end = ends.get(lineage.id)
    toll.tookLineage(lineage)
    toll.tookCertificates(0, end ?? null)
    if (isOfNode(lineage)) toll.tookTokens(latestEnd(act.at))
    if (end !== undefined || isOfNode(lineage) || act.at < lineage.openedAt + AGENT_TOKEN_SEC * 1000)
      toll.died(lineageDeath(lineage, act.at))
  }
  return revoked
}

/** Revokes what these hold: by agent, since for each lineage alone all would be walked that its agent got. */
function* revokeOf(
  rows: Rows,
  lineages: readonly LineageState[],
  revocation: { readonly at: number; readonly reason: string },
): Step<string[]> {
  const revoked: string[] = []
  for (const ofOne of Map.groupBy(lineages, ({ tenant, agent }) => `${tenant}/${agent}`).values()) {
    const [{ tenant, agent }] = ofOne as [LineageState]
    for (let from = 0; from < ofOne.length; from += REVOKED) {
      const ids = ofOne.slice(from, from + REVOKED).map(({ id }) => id)
      revoked.push(...(yield* rows.certificates.revoke({ tenant, agent, lineages: ids }, revocation)))
    }
  }
  return revoked
}

function* end(rows: Rows, lineages: readonly LineageState[]): Step<void> {
  const [first, ...more] = lineages
  if (first && more.length === 0) {
    const { id, generation, newestKey } = first
    return yield* rows.lineages.change(id, { standing: 'ended', generation, newestKey })
  }
  for (let from = 0; from < lineages.length; from += BATCH)
    yield* rows.lineages.end(lineages.slice(from, from + BATCH).map(({ id }) => id))
}

/** When the last certificate of each lineage ends, in Unix ms; those are left out whose certificates have all ended. */
function* endsOf(rows: Rows, lineages: readonly LineageState[], at: number): Step<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>()
  const agents = new Map(lineages.map(lineage => [`${lineage.tenant}/${lineage.agent}`, lineage]))
  for (const { tenant, agent } of agents.values()) {
    for (const { lineage, notAfter } of yield* notEnded(rows, { tenant, agent }, at))
      ends.set(lineage, Math.max(ends.get(lineage) ?? 0, (notAfter + 1) * 1000))
  }
  return ends
}

/** The certificates of an agent that have not ended, whether revoked or not: who hears of no deaths accepts them. */
function* notEnded(rows: Rows, { tenant, agent }: AgentKey, at: number): Step<readonly CertificateState[]> {
  const found: CertificateState[] = []
  for (let after: string | null = null; ; ) {
    const page: Listed<CertificateState> = yield* rows.certificates.list(
      { tenant, agent, now: at },
      { limit: BATCH, after },
    )
    found.push(...page.items.filter(({ notAfter }) => (notAfter + 1) * 1000 > at))
    after = page.next
    // Newest first: what was issued before has ended.
    const oldest = page.items.at(-1)
    if (after === null || (oldest !== undefined && latestEnd(oldest.issuedAt) <= at)) return found
  }
}

/** What links lineages, and whose may be taken; null: every tenant's. */
export interface Link {
  readonly by: Parameters<LineageRows['linked']>[0]
  readonly tenant: string | null
}

/** Ends every lineage that is linked so. Their agents lose these, and not their lifecycle. */
export function* takeLinked(rows: Rows, toll: Toll, { by, tenant }: Link, reason: string, act: Act): Step<number> {
  let taken = 0
  for (;;) {
    const batch = yield* rows.lineages.linked(by, tenant, LINKED)
    yield* takeLineages(rows, toll, batch, reason, act)
    for (const lineage of batch) toll.tookAgent(lineage)
    taken += batch.length
    if (batch.length < LINKED) return taken
  }
}

/** The same, each agent being told of what it lost. */
export function* takeTold(rows: Rows, toll: Toll, { by, tenant }: Link, reason: string, act: Act): Step<void> {
  for (;;) {
    const batch = yield* rows.lineages.linked(by, tenant, LINKED)
    const agents = Map.groupBy(batch, lineage => `${lineage.tenant}/${lineage.agent}`)
    for (const lineages of agents.values()) yield* takeOfAgent(rows, toll, lineages, reason, act)
    if (batch.length < LINKED) return
  }
}

function* takeOfAgent(rows: Rows, toll: Toll, lineages: readonly LineageState[], reason: string, act: Act): Step<void> {
  const revoked = yield* takeLineages(rows, toll, lineages, reason, act)
  const [{ tenant, agent }] = lineages as [LineageState]
  toll.tookAgent({ tenant, agent })
  if (revoked.length > 0)
    yield* rows.events.append(eventOf(act, 'cert.revoked', { tenant, agent }, { reason, revoked }))
}

/**
 * When the last certificate or token for a workload ends of those that an agent or a whole tenant holds, in Unix ms;
 * null: all have ended. Also one that was revoked before counts: who hears of no deaths still accepts it.
 */
export function* lastEnd(rows: Rows, whose: AgentKey | { readonly tenant: string }, at: number): Step<number | null> {
  const filter = { tenant: whose.tenant, agent: 'agent' in whose ? whose.agent : undefined, now: at }
  const { items, next } = yield* rows.certificates.list(filter, { limit: LOOKED_THROUGH, after: null })
  const ends = items.map(({ notAfter }) => (notAfter + 1) * 1000)
  if (next !== null) ends.push(latestEnd(items.at(-1)!.issuedAt))
  for (const type of ['jwt.issued', 'wit.issued'] as const) ends.push(...(yield* tokenEnds(rows, whose, type, at)))
  const last = ends.reduce((a, b) => Math.max(a, b), at)
  return last > at ? last : null
}

/** The ends of the newest tokens; of older ones that the newest of them ends as late as any could. */
function* tokenEnds(
  rows: Rows,
  whose: AgentKey | { readonly tenant: string },
  type: 'jwt.issued' | 'wit.issued',
  at: number,
): Step<readonly number[]> {
  const agent = 'agent' in whose ? whose.agent : undefined
  const filter = { tenant: whose.tenant, agent, type, since: at - LIFETIME.platinum * 1000 }
  const { items, next } = yield* rows.events.list(filter, { limit: LOOKED_THROUGH, after: null })
  const ends = items.map(({ detail }) => Number(detail.expires_at) * 1000)
  return next === null ? ends : [...ends, latestEnd(items.at(-1)?.at ?? at)]
}
