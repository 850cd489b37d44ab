import type { AgentState, DeathState, LineageState, TenantState } from '@lanyard/authority'
import type { Credential } from '@lanyard/protocol'
import type { Database } from './database.ts'
import type { Point, Shown } from './point.ts'

/** What died, by what makes it so: `agent acme/alice 1`, `lineage …`, `key …`. */
type Name = string

/**
 * Who is dead since when, by true time. Written from the agents and lineages that are committed, not from what the feed
 * tells: it is what the feed is measured by.
 */
export class Truth {
  readonly #died = new Map<Name, number>()
  /** Tenants that live again. */
  readonly #reborn = new Map<string, { readonly incarnation: number; readonly at: number }>()
  /** Deaths that the database lost with a part of its history, and the points that had heard of each. */
  readonly #forgotten = new Map<Name, ReadonlySet<Point>>()

  /** Looks at what is committed at `now`. */
  observe(database: Database, now: number): void {
    for (const { tenant, agent, deadThrough } of database.rows<AgentState>('agents'))
      for (let incarnation = deadThrough; incarnation > 0; incarnation--)
        if (!this.#note(`agent ${tenant}/${agent} ${incarnation}`, now)) break
    for (const { id, standing } of database.rows<LineageState>('lineages'))
      if (standing === 'ended') this.#note(`lineage ${id}`, now)
    for (const { kind, value } of database.rows<DeathState>('deaths'))
      if (kind === 'key') this.#note(`key ${value}`, now)
    for (const { tenant, incarnation } of database.rows<TenantState>('tenants'))
      if (this.#reborn.get(tenant)?.incarnation !== incarnation) this.#reborn.set(tenant, { incarnation, at: now })
  }

  /** When its tenant last began to live again. */
  rebornAt({ certificate: { tenant } }: Shown): number {
    return this.#reborn.get(tenant)?.at ?? Number.NEGATIVE_INFINITY
  }

  /** When it died; null: never. */
  diedAt(shown: Shown): number | null {
    const times = namesOf(shown).flatMap(name => this.#died.get(name) ?? [])
    return times.length === 0 ? null : Math.min(...times)
  }

  /** Whether the database may not know any longer that it died. */
  mayBeForgotten(shown: Shown): boolean {
    return namesOf(shown).some(name => this.#forgotten.has(name))
  }

  /** Whether the point heard of its death before the database forgot it. */
  wasHeard(shown: Shown, point: Point): boolean {
    return namesOf(shown).some(name => this.#forgotten.get(name)?.has(point) === true)
  }

  /** The database knows nothing of what came after `until`. */
  forget(until: number, points: readonly Point[]): void {
    for (const [name, at] of this.#died) {
      if (at <= until) continue
      this.#died.delete(name)
      const heard = points.filter(({ follower }) => follower.deaths.judge(credentialNamed(name)) !== 'alive')
      this.#forgotten.set(name, new Set(heard))
    }
  }

  /** Whether it was new. */
  #note(name: Name, now: number): boolean {
    if (this.#died.has(name)) return false
    this.#died.set(name, now)
    return true
  }
}

const namesOf = ({ certificate: { tenant, agent, incarnation, lineage, keyThumbprint } }: Shown): readonly Name[] => [
  `agent ${tenant}/${agent} ${incarnation}`,
  `lineage ${lineage}`,
  `key ${keyThumbprint}`,
]

/** A credential that nothing but this death concerns. */
function credentialNamed(name: Name): Credential {
  const [kind, value, incarnation] = name.split(' ') as [string, string, string | undefined]
  const nothing = { id: '', tenant: null, incarnation: 1, lineage: null, keyThumbprint: '', issuerKeyId: null }
  if (kind === 'lineage') return { ...nothing, lineage: value }
  if (kind === 'key') return { ...nothing, keyThumbprint: value }
  return { ...nothing, id: `spiffe://example.org/${value}`, incarnation: Number(incarnation) }
}
