import type { StepName } from '@lanyard/api'
import type { IncidentRows, IncidentStepState } from '@lanyard/authority'
import { sql } from 'kysely'
import type { IncidentStepTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { incidentOf } from './incidents.ts'

const stepOf = (row: IncidentStepTable): IncidentStepState => ({
  incident: row.incident,
  step: row.step as StepName,
  state: row.state as IncidentStepState['state'],
  claimedBy: row.claimed_by,
  claimedUntil: row.claimed_until,
  doneAt: row.done_at,
  detail: JSON.parse(row.detail) as Record<string, unknown>,
})

interface Claim {
  readonly incident: string
  readonly step: StepName
  readonly by: string
  readonly now: number
  readonly until: number
}

interface End {
  readonly incident: string
  readonly step: StepName
  readonly by: string
  readonly at: number
  readonly detail: string
}

/** The work that a kill leaves behind, shared by all instances: who changes a row has it. */
export function incidentSteps({
  statements,
}: RowContext): Pick<IncidentRows, 'steps' | 'unfinished' | 'claim' | 'finish'> {
  const db = statements.kysely
  // Written out, as in the index of what waits.
  const waits = sql<boolean>`state = 'waiting'`

  const steps = statements.prepareRows((a: { incident: string }) =>
    db.selectFrom('incident_steps').selectAll().where('incident', '=', a.incident).orderBy('step'),
  )
  const unfinished = statements.prepareRows((a: { now: number; limit: number }) => {
    const waiting = db
      .selectFrom('incident_steps')
      .select(['incident', 'opened_at'])
      .distinct()
      .where(waits)
      .where('claimed_until', '<=', a.now)
      .orderBy('opened_at')
      .orderBy('incident')
      .limit(a.limit)
      .as('w')
    return db
      .selectFrom(waiting)
      .innerJoin('incidents as i', 'i.id', 'w.incident')
      .selectAll('i')
      .orderBy('w.opened_at')
      .orderBy('w.incident')
  })
  const claim = statements.prepareChange((a: Claim) =>
    db
      .updateTable('incident_steps')
      .set({ claimed_by: a.by, claimed_until: a.until })
      .where('incident', '=', a.incident)
      .where('step', '=', a.step)
      .where(waits)
      .where('claimed_until', '<=', a.now),
  )
  const finish = statements.prepareChange((a: End) =>
    db
      .updateTable('incident_steps')
      .set({ state: 'done', claimed_by: a.by, done_at: a.at, detail: a.detail })
      .where('incident', '=', a.incident)
      .where('step', '=', a.step)
      .where(waits),
  )

  return {
    *steps(id) {
      return (yield* steps({ incident: id })).map(stepOf)
    },
    *unfinished(now, limit) {
      return (yield* unfinished({ now, limit })).map(incidentOf)
    },
    *claim(incident, step, by, now, until) {
      return (yield* claim({ incident, step, by, now, until })) === 1
    },
    *finish(incident, step, by, at, detail) {
      return (yield* finish({ incident, step, by, at, detail: JSON.stringify(detail) })) === 1
    },
  }
}
