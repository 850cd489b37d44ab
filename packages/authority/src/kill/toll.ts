import type { AgentKey, LineageState, Rows, Step } from '../ports.ts'
import type { NewDeath } from './deaths.ts'

/** Names of agents and lineages that an incident keeps for its snapshot. */
export const NAMED_MAX = 100
/** Deaths that one statement writes. */
const BATCH = 200

/** What an act took, gathered while it goes on: the deaths wait for the epoch, which is counted last. */
export class Toll {
  readonly agents: string[] = []
  readonly lineages: string[] = []
  /** Who vouched and does no more: `idp:<id>`, `issuer:<id>`. */
  readonly switchedOff: string[] = []
  /** Those that the killer stands on, and that stay. */
  readonly spared: string[] = []
  readonly #deaths = new Map<string, NewDeath>()
  revoked = 0
  unguardedUntil: number | null = null

  /** The same subject again replaces what was said of it. */
  died(death: NewDeath): void {
    this.#deaths.set(`${death.kind} ${death.value}`, death)
  }

  tookAgent({ tenant, agent }: AgentKey): void {
    const name = `${tenant}/${agent}`
    if (this.agents.length < NAMED_MAX && !this.agents.includes(name)) this.agents.push(name)
  }

  tookLineage(lineage: LineageState): void {
    if (this.lineages.length < NAMED_MAX) this.lineages.push(lineage.id)
  }

  /** Certificates were revoked; `end`: when the last that was given out ends (Unix ms); null: none is left. */
  tookCertificates(count: number, end: number | null): void {
    this.revoked += count
    if (end !== null) this.unguardedUntil = Math.max(this.unguardedUntil ?? 0, end)
  }

  /** Tokens may be out that end by then, Unix milliseconds. */
  tookTokens(end: number): void {
    this.tookCertificates(0, end)
  }

  get deaths(): readonly NewDeath[] {
    return [...this.#deaths.values()]
  }
}

/** Counts the epoch of what was taken, and writes the deaths that carry it. The last that an act does. */
export function* settle(rows: Rows, toll: Toll, at: number): Step<number> {
  const epoch = yield* rows.epoch.bump()
  const deaths = toll.deaths.map(death => ({ at, ...death, epoch }))
  for (let from = 0; from < deaths.length; from += BATCH) yield* rows.deaths.put(deaths.slice(from, from + BATCH))
  return epoch
}
