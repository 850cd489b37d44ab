import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import { LIFETIME } from '../lifetime.ts'
import type { AgentKey, AgentState, LineageRows, LineageState, Rows, Step } from '../ports.ts'
import { agentDeath, lineageDeath } from './deaths.ts'
import type { Toll } from './toll.ts'

const END = { quarantined: 'agent.quarantined', retired: 'agent.retired' } as const
/** Certificates looked through for the last end; of older ones it is said that they end as late as any could. */
const LOOKED_THROUGH = 200
/** Lineages that are taken between two looks for more. */
const BATCH = 200

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
  for (const lineage of yield* rows.lineages.ofAgent(agent)) toll.tookLineage(lineage)
  yield* rows.agents.update(after)
  yield* rows.lineages.endAll(agent)
  const revoked = yield* rows.certificates.revoke(agent, { at: act.at, reason: reason ?? lifecycle })
  yield* rows.events.append(eventOf(act, END[lifecycle], agent, { reason, dead_through: deadThrough, revoked }))
  toll.tookAgent(agent)
  toll.tookCertificates(revoked.length, end)
  toll.died(agentDeath(after))
  return after
}

/** Ends one lineage and revokes its live certificates; gives their serials. */
export function* takeLineage(
  rows: Rows,
  toll: Toll,
  lineage: LineageState,
  reason: string,
  act: Act,
): Step<readonly string[]> {
  const { id, generation, newestKey } = lineage
  yield* rows.lineages.change(id, { standing: 'ended', generation, newestKey })
  const revoked = yield* rows.certificates.revoke({ lineage: id }, { at: act.at, reason })
  toll.tookLineage(lineage)
  toll.tookCertificates(revoked.length, revoked.length > 0 ? latestEnd(act.at) : yield* lastEnd(rows, lineage, act.at))
  toll.died(lineageDeath(lineage, act.at))
  return revoked
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
    const batch = yield* rows.lineages.linked(by, tenant, BATCH)
    for (const lineage of batch) {
      yield* takeLineage(rows, toll, lineage, reason, act)
      toll.tookAgent(lineage)
    }
    taken += batch.length
    if (batch.length < BATCH) return taken
  }
}

/**
 * When the last certificate ends of those that an agent or a whole tenant holds, in Unix ms; null: all have ended. Also
 * one that was revoked before counts: who hears of no deaths still accepts it.
 */
export function* lastEnd(rows: Rows, whose: AgentKey | { readonly tenant: string }, at: number): Step<number | null> {
  const filter = { tenant: whose.tenant, agent: 'agent' in whose ? whose.agent : undefined, now: at }
  const { items, next } = yield* rows.certificates.list(filter, { limit: LOOKED_THROUGH, after: null })
  const ends = items.map(({ notAfter }) => (notAfter + 1) * 1000)
  if (next !== null) ends.push(latestEnd(items.at(-1)!.issuedAt))
  const last = ends.reduce((a, b) => Math.max(a, b), at)
  return last > at ? last : null
}
