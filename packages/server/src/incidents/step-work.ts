import type { StepName } from '@lanyard/api'
import {
  gatherSnapshot,
  type IncidentState,
  isAwaited,
  isOverdue,
  type PointStanding,
  receiptOf,
  type SnapshotContent,
  type StepEnd,
  standingsOf,
  takeServices,
  targetText,
  withPeers,
} from '@lanyard/authority'
import { signReceipt } from '@lanyard/protocol'
import { type IncidentPorts, serverAct } from './ports.ts'

/** How a step ends: what is told of it, and what is written with its end. */
export type Work = Pick<StepEnd, 'detail' | 'effects'>

/** Does a step. It may be done again after a crash, so that what lasts is written with its end alone. */
export function workOf(
  step: Exclude<StepName, 'receipt'>,
  incident: IncidentState,
  ports: IncidentPorts,
): Work | Promise<Work> {
  switch (step) {
    case 'broadcast':
      ports.feed.tell(incident.epoch)
      return { detail: { epoch: incident.epoch } }
    case 'registry':
      return { detail: {}, effects: () => takeServices(ports.rows, incident, serverAct(ports)) }
    case 'snapshot':
      return takeSnapshot(incident, ports)
    case 'notify':
      return notify(incident, ports)
    default:
      throw new TypeError(`no such step: ${String(step satisfies never)}`)
  }
}

/** The operator's log is the one place that is notified. */
function notify({ id, target, reason, openedBy, epoch, revoked }: IncidentState, { log }: IncidentPorts): Work {
  const fields = { incident: id, target: targetText(target), reason, opened_by: openedBy, epoch, revoked }
  log.warn(fields, `incident ${id}: ${target.kind} ${targetText(target)} was killed`)
  return { detail: { told: ['log'] } }
}

async function takeSnapshot(incident: IncidentState, ports: IncidentPorts): Promise<Work> {
  const { store, rows, clock, sealing, snapshotMs } = ports
  const content = await store.read(() => gatherSnapshot(rows, incident, evidenceOf(incident, ports)))
  const takenAt = clock.now()
  const sealed = sealing.seal(incident.id, 'snapshot', content)
  return {
    detail: { bytes: sealed.length },
    *effects() {
      yield* rows.snapshots.put({ incident: incident.id, takenAt, keptUntil: takenAt + snapshotMs, sealed })
      yield* rows.incidents.change(incident.id, { evidence: null })
    },
  }
}

function evidenceOf({ id, evidence }: IncidentState, { sealing }: IncidentPorts): unknown {
  if (evidence === null) return null
  return sealing.open(id, 'evidence', Buffer.from(String(evidence.sealed), 'base64'))
}

/** Signs the receipt; null while points that were leased at the commit may still answer. */
export async function signedReceipt(incident: IncidentState, ports: IncidentPorts): Promise<Work | null> {
  const { store, rows, clock } = ports
  const closedAt = clock.now()
  if (await store.read(() => isAwaited(rows, incident, closedAt))) return null
  const found = await store.read(() => standingsOf(rows, incident, closedAt))
  if (!isOverdue(incident, closedAt) && found.some(({ outcome }) => outcome === 'waiting')) return null
  const standings = found.map(standing => ofThisFeed(standing, ports.feed.feedId))
  const facts = { trustDomain: ports.trustDomain, feedId: ports.feed.feedId, closedAt, standings }
  const receipt = await signReceipt(receiptOf(incident, facts), ports.receiptSigner())
  const snapshot = await snapshotWithPeers(incident, standings, ports)
  return {
    detail: countOf(standings),
    *effects() {
      yield* rows.incidents.change(incident.id, { receipt })
      if (snapshot) yield* rows.snapshots.put(snapshot)
    },
  }
}

/** An acknowledgement of a feed that was (the database was restored meanwhile) proves nothing of this one. */
function ofThisFeed(standing: PointStanding, feedId: string): PointStanding {
  if (standing.ack === null || feedOf(standing.ack.jws) === feedId) return standing
  return { ...standing, ack: null, outcome: standing.point.mode === 'best_effort' ? 'best_effort' : 'silent' }
}

// It was proved when it came.
const feedOf = (jws: string): unknown =>
  JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString('utf8')).feed_id

function countOf(standings: readonly PointStanding[]) {
  const count = (outcome: PointStanding['outcome']) => standings.filter(each => each.outcome === outcome).length
  return {
    points: standings.length,
    applied: count('applied'),
    silent: count('silent'),
    best_effort: count('best_effort'),
    killed: count('killed'),
  }
}

async function snapshotWithPeers(incident: IncidentState, standings: readonly PointStanding[], ports: IncidentPorts) {
  const { store, rows, sealing } = ports
  const found = await store.read(() => rows.snapshots.find(incident.id))
  if (!found) return null
  const content = sealing.open(incident.id, 'snapshot', found.sealed) as SnapshotContent
  return { ...found, sealed: sealing.seal(incident.id, 'snapshot', withPeers(content, standings, incident.tenant)) }
}
