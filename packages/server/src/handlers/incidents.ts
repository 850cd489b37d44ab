import { type Handlers, type Incident, type IncidentHead, LanyardError, type Routes } from '@lanyard/api'
import {
  type Caller,
  eventOf,
  type IncidentState,
  type IncidentStepState,
  isoTime,
  maySeeIncident,
  type PointStanding,
  receiptPoint,
  type Step,
  shared,
  standingsOf,
  targetText,
} from '@lanyard/authority'
import { decodeBase64Url, parseReceipt, type ReceiptPoint } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { act, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'listIncidents' | 'getIncident' | 'getIncidentSnapshot'
type Rows = HandlerPorts['rows']

/** What is known of kills. */
export function incidentHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock, incidents } = ports
  return {
    async listIncidents({ query, caller }) {
      const { limit, cursor, tenant, state } = query
      const filter = { tenant: await tenantOfList(ports, caller, tenant), state }
      const list = { route: 'listIncidents', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.incidents.list(filter, page)), showHead)
    },

    async getIncident({ params, caller }) {
      return showIncident(await store.read(() => look(rows, params.incident, caller, clock.now())))
    },

    async getIncidentSnapshot(call) {
      const { incident: id } = call.params
      const snapshot = await act(ports, call, shared(), function* (told) {
        const incident = yield* requireIncident(rows, id, told.caller)
        const found = yield* rows.snapshots.find(id)
        if (!found) throw new LanyardError('not_found', 'there is no snapshot of this incident, or it was removed')
        yield* rows.events.append(eventOf(told, 'incident.snapshot_read', incident, { incident: id }))
        return found
      })
      return {
        incident: id,
        taken_at: isoTime(snapshot.takenAt, 'milliseconds'),
        kept_until: isoTime(snapshot.keptUntil),
        snapshot: incidents.openSnapshot(snapshot),
      }
    },
  }
}

interface Look {
  readonly incident: IncidentState
  readonly steps: readonly IncidentStepState[]
  readonly standings: readonly PointStanding[]
}

function* look(rows: Rows, id: string, caller: Caller, now: number): Step<Look> {
  const incident = yield* requireIncident(rows, id, caller)
  const steps = yield* rows.incidents.steps(id)
  // Leases are forgotten with time, so that a closed incident is what its receipt says.
  const standings = incident.receipt === null ? yield* standingsOf(rows, incident, now) : []
  return { incident, steps, standings }
}

/** The incident, if the caller may see it; otherwise `not_found`, as if it were not there. */
function* requireIncident(rows: Rows, id: string, caller: Caller): Step<IncidentState> {
  const incident = yield* rows.incidents.find(id)
  if (incident && maySeeIncident(caller, incident)) return incident
  throw new LanyardError('not_found', 'there is no such incident')
}

const timeOf = (at: number | null) => (at === null ? null : isoTime(at, 'milliseconds'))

type Head = Pick<
  IncidentState,
  | ('id' | 'tenant' | 'target' | 'scope' | 'reason' | 'openedBy' | 'at' | 'epoch' | 'state' | 'closedAt')
  | ('ttlUntil' | 'revoked' | 'unguardedUntil')
>

const showHead = (state: Head): IncidentHead => ({
  incident: state.id,
  tenant: state.tenant,
  target: { kind: state.target.kind, value: targetText(state.target) },
  scope: state.scope,
  reason: state.reason,
  opened_by: state.openedBy,
  at: isoTime(state.at, 'milliseconds'),
  epoch: state.epoch,
  state: state.state,
  closed_at: timeOf(state.closedAt),
  ttl_until: timeOf(state.ttlUntil),
  revoked: state.revoked,
  unguarded_until: timeOf(state.unguardedUntil),
})

const showIncident = ({ incident, steps, standings }: Look): Incident => ({
  ...showHead(incident),
  steps: steps.map(showStep),
  acknowledgements:
    incident.receipt === null
      ? standings.map(standing => showPoint({ ...receiptPoint(standing, incident), outcome: standing.outcome }))
      : pointsOfReceipt(incident.receipt).map(showPoint),
  receipt: incident.receipt,
})

const showStep = ({ step, state, doneAt, claimedBy, detail }: IncidentStepState): Incident['steps'][number] => ({
  step,
  state,
  at: timeOf(doneAt),
  instance: claimedBy,
  detail: { ...detail },
})

type Acknowledgement = Incident['acknowledgements'][number]

type Shown = Omit<ReceiptPoint, 'outcome'> & Pick<Acknowledgement, 'outcome'>

const showPoint = (point: Shown): Acknowledgement => ({
  point: point.point,
  spiffe_id: point.spiffeId,
  outcome: point.outcome,
  applied_at: timeOf(point.appliedAt),
  offset_ms: point.offsetMs,
  uncertainty_ms: point.uncertaintyMs,
  cut: point.cut,
  last_accept: timeOf(point.lastAccept),
  fails_closed_by: timeOf(point.failsClosedBy),
})

// From our own store, where it was put when we had signed it.
const pointsOfReceipt = (receipt: string): readonly ReceiptPoint[] =>
  parseReceipt(decodeBase64Url(receipt.split('.')[1]!)).points
