import type { LineageState, Rows, Step, Subject } from '../ports.ts'

/** Agent and tenant as they are now, with a lineage that is not stored. */
export function* subjectWith(rows: Rows, lineage: LineageState): Step<Subject | undefined> {
  const agent = yield* rows.agents.find(lineage)
  const tenant = yield* rows.tenants.find(lineage.tenant)
  return agent && tenant && { tenant, agent, lineage }
}
