import { LanyardError } from '@lanyard/api'
import type { Certificate } from '@lanyard/protocol'
import type { Act, NodeCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import { type NodeState, type Rows, type Step, type Store, shared } from '../ports.ts'
import { isoTime } from '../time.ts'
import { endOfGrace, type NodeSettings } from './settings.ts'
import { requireNodeStanding } from './standing.ts'

interface Ports {
  readonly store: Store
  readonly rows: Rows
  readonly settings: NodeSettings
}

/** Writes down the new certificate of a node; it may leave when this is kept. Throws as {@link requireRenewable}. */
export function renewed(
  { store, rows, settings }: Ports,
  caller: NodeCaller,
  certificate: Certificate,
  origin: Omit<Act, 'caller'>,
): Promise<NodeState> {
  const { tenant } = caller
  const step = () => recordRenewal(rows, caller, certificate, settings, { caller, ...origin })
  return store.write(step, tenant === null ? shared() : shared(tenant))
}

function* recordRenewal(
  rows: Rows,
  caller: NodeCaller,
  { serialHex: serial, notAfter }: Certificate,
  settings: NodeSettings,
  act: Act,
): Step<NodeState> {
  const before = yield* requireNodeStanding(rows, caller)
  requireRenewable(before, settings, act.at)
  const node: NodeState = { ...before, serial, notAfter, renewedAt: act.at }
  yield* rows.nodes.update(node)
  yield* rows.events.append(eventOf(act, 'node.renewed', node, { node: node.node, name: node.name, serial }))
  return node
}

/** Throws `certificate_expired` when the node ended longer ago than its grace. */
export function requireRenewable(node: Pick<NodeState, 'notAfter'>, settings: NodeSettings, at: number): void {
  if (at < endOfGrace(node, settings)) return
  const late = Math.ceil(at / 1000 - node.notAfter - 1)
  throw new LanyardError(
    'certificate_expired',
    `expected a node that ended at most ${settings.graceSec} s ago, got one that ended ${late} s ago: attest it anew`,
    { server_time: isoTime(at), skew_sec: late },
  )
}
