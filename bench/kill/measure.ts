import type { Case } from './case.ts'
import { pause, wallToMonotonic } from './clock.ts'
import { type Fleet, raise, TENANT } from './fleet.ts'
import { Living, type Lost } from './living.ts'
import { type KillRecord, readReceipt, recordOf } from './record.ts'
import type { Pace } from './roles/callers.ts'
import type { FloodReport } from './roles/flood.ts'
import type { KillTold } from './roles/operator.ts'
import type { VictimEnd } from './victim.ts'

/** What a case came to. */
export interface Outcome {
  readonly case: Case
  readonly methods: readonly string[]
  readonly records: readonly KillRecord[]
  readonly lost: Lost
  readonly flood: FloodReport | null
  readonly idleOpen: number | null
}

/** Calls per second to each service: half by who is killed, half by agents that nobody kills. */
const CALLS_PER_SEC = 500
const LIVING_AGENTS = 5
/** Who lives is enrolled anew for each batch, so that no certificate ends in the middle. */
const BATCH = 50
/** Beyond the budget and its grace: whoever is cut by staleness alone is still seen to be. */
const GONE_WITHIN_MS = 6000
const KNOCKS_FOR_MS = 150

/** Plays a case: kills one agent after the other while all call, and notes what became of each. */
export async function measure(wanted: Case, kills: number): Promise<Outcome> {
  const fleet = await raise(wanted)
  try {
    const records: KillRecord[] = []
    const lost: Lost[] = []
    for (let first = 0; first < kills; first += BATCH) {
      const names = Array.from({ length: Math.min(BATCH, kills - first) }, (_, at) => `victim-${first + at}`)
      const batch = await killAll(fleet, wanted, names, `living-${first}`)
      records.push(...batch.records)
      lost.push(batch.lost)
    }
    const { flood, idleOpen } = await fleet.rest()
    return { case: wanted, methods: fleet.methods, records, lost: lost.reduce(Living.add), flood, idleOpen }
  } finally {
    await fleet.close()
  }
}

async function killAll(fleet: Fleet, wanted: Case, names: readonly string[], livingName: string) {
  const living = Array.from({ length: LIVING_AGENTS }, (_, at) => `${livingName}-${at}`)
  const all = [...names, ...living]
  const tokens = await fleet.operator.agents(TENANT, all)
  await fleet.callers.enrol(all.map((name, at) => ({ name, token: tokens[at]! })))
  const half = CALLS_PER_SEC / 2
  await fleet.callers.live(living, { callsPerSec: half / LIVING_AGENTS, connections: 1 })
  const pace: Pace = { callsPerSec: half, connections: wanted.connections }
  const pending: Promise<KillRecord>[] = []
  let ready = fleet.callers.begin(names[0]!, pace)
  for (const [at, name] of names.entries()) {
    await ready
    // At any moment of the pace and of the ticks of the feed.
    await pause(Math.random() * 100)
    const { told, end, commitAt } = await killOne(fleet, wanted, name, () => {
      const next = names[at + 1]
      ready = next === undefined ? Promise.resolve() : fleet.callers.begin(next, pace)
    })
    const record = recorded(fleet, told, end, commitAt)
    // Judged with all others at the end of the batch.
    record.catch(() => {})
    pending.push(record)
    // Where many must answer, one kill is done before the next: a fleet is not killed as fast as it can be.
    if (wanted.points !== undefined) await record
  }
  const records = await Promise.all(pending)
  return { records, lost: await fleet.callers.rest() }
}

interface Killed {
  readonly told: KillTold
  readonly end: VictimEnd
  /** Where it was seen on its way. */
  readonly commitAt: number | null
}

let turn = 0

async function killOne(fleet: Fleet, { dies }: Case, agent: string, cut: () => void): Promise<Killed> {
  const { operator, callers, instances } = fleet
  const at = turn++ % instances.count
  const order = { tenant: TENANT, agent, incident: `bench-${process.pid}-${agent}`, at }
  const wait = { withinMs: GONE_WITHIN_MS, knockMs: KNOCKS_FOR_MS }
  if (!dies) {
    const [told, end] = await Promise.all([operator.kill(order), callers.end(agent, wait)])
    cut()
    return { told, end, commitAt: null }
  }
  const struck = instances.strike(at)
  const then = (at + 1) % instances.count
  const [commitAt, told, end] = await Promise.all([struck, operator.kill({ ...order, then }), callers.end(agent, wait)])
  await operator.moved(at, await instances.revive(at))
  cut()
  return { told, end, commitAt }
}

async function recorded({ operator, root }: Fleet, told: KillTold, end: VictimEnd, commitAt: number | null) {
  const { receipt } = await operator.closed(0, told.incident)
  return recordOf(told, end, readReceipt(receipt!, root), wallToMonotonic(), commitAt)
}
