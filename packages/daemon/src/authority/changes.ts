import { LanyardError, NodeChange } from '@lanyard/api'
import type { Catalogue } from './catalogue.ts'
import type { AuthorityClock } from './clock.ts'

export interface ChangesPorts {
  readonly catalogue: Catalogue
  readonly clock: AuthorityClock
  /** Something of the catalogue changed. */
  readonly synced: () => void
}

/**
 * Takes one line of `GET /v1/node/changes`. Members that a later authority adds are passed over.
 *
 * @throws LanyardError `node_banned`, `node_unknown` where the line says so; `server_unreachable` for one to connect anew after
 * @throws ProtocolError for bundles that are none
 */
export function takeChange(text: string, { catalogue, clock, synced }: ChangesPorts): void {
  const line = parse(text)
  switch (line?.kind) {
    case 'beat':
      clock.told(line.at)
      return
    case 'entries':
    case 'bundles':
      catalogue.take(line)
      synced()
      return
    case 'ended':
      if (line.code !== 'resync') throw new LanyardError(line.code, line.reason)
      catalogue.forgetCursor()
      throw new LanyardError('server_unreachable', `the authority asks to connect again: ${line.reason}`)
    default:
      // A kind that only later daemons know.
      return
  }
}

function parse(text: string): NodeChange | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new LanyardError('server_unreachable', 'expected JSON lines from the authority')
  }
  const known = NodeChange.safeParse(value)
  if (known.success) return known.data
  const kind = (value as { kind?: unknown } | null)?.kind
  if (!['entries', 'bundles', 'beat', 'ended'].includes(String(kind))) return null
  throw new LanyardError('server_unreachable', `the authority sent ${kind} in a form that is unknown here`)
}
