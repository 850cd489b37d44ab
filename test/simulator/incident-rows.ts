import type { IncidentState, IncidentStepState } from '@lanyard/authority'
import { ask, change } from './rows.ts'

/** Incidents and their steps. */
export const incidentRows = () => ({
  find: (id: string) => ask('incidents.find', tx => tx.get<IncidentState>('incidents', id)),
  insert: (incident: IncidentState, steps: readonly IncidentStepState['step'][]) =>
    ask('incidents.insert', tx => {
      tx.put('incidents', incident.id, incident)
      const waiting = { incident: incident.id, state: 'waiting', claimedBy: null, claimedUntil: 0, doneAt: null }
      for (const step of steps) tx.put('steps', `${incident.id} ${step}`, { ...waiting, step, detail: {} })
    }),
  change: (id: string, to: Partial<IncidentState>) =>
    ask('incidents.change', tx => {
      tx.lock('incidents', id)
      tx.put('incidents', id, { ...tx.get<IncidentState>('incidents', id)!, ...to })
    }),
  steps: (id: string) =>
    ask('incidents.steps', tx => tx.all<IncidentStepState>('steps').filter(({ incident }) => incident === id)),
  claim: (id: string, step: string, by: string, now: number, until: number) =>
    ask('incidents.claim', tx => {
      const waits = (one: IncidentStepState) => one.incident === id && one.step === step && one.state === 'waiting'
      const free = (one: IncidentStepState) => waits(one) && (one.claimedBy === by || one.claimedUntil <= now)
      const to = (one: IncidentStepState) => ({ ...one, claimedBy: by, claimedUntil: until })
      return change<IncidentStepState>(tx, 'steps', free, to, stepKey) === 1
    }),
  finish: (id: string, step: string, by: string, at: number, detail: Readonly<Record<string, unknown>>) =>
    ask('incidents.finish', tx => {
      const waits = (one: IncidentStepState) => one.incident === id && one.step === step && one.state === 'waiting'
      const to = (one: IncidentStepState) => ({ ...one, state: 'done' as const, claimedBy: by, doneAt: at, detail })
      return change<IncidentStepState>(tx, 'steps', waits, to, stepKey) === 1
    }),
})

const stepKey = ({ incident, step }: IncidentStepState) => `${incident} ${step}`
