import { createHash } from 'node:crypto'
import type { RouteId } from '@lanyard/api'
import { type KillRequest, redact, redactText } from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'

/** What the bodies of all kills have. */
interface KillBody {
  readonly reason: string
  readonly snapshot?: Readonly<Record<string, unknown>> | undefined
  readonly ttl_sec?: number | undefined
  readonly incident?: string | undefined
}

/**
 * A kill as it was asked for, with a name of its own where the caller gave none, its reason redacted, since that is told
 * far and wide, and its evidence redacted and sealed.
 */
export function killRequestOf(
  { dice, incidents }: Pick<HandlerPorts, 'dice' | 'incidents'>,
  asked: { readonly route: RouteId; readonly params?: object; readonly body: KillBody },
): KillRequest {
  const { reason, snapshot, ttl_sec: ttlSec, incident = `inc_${toHex(dice.bytes(12))}` } = asked.body
  const evidence = snapshot === undefined ? null : incidents.sealEvidence(incident, redact(snapshot))
  return { incident, asked: fingerprintOf(asked), reason: redactText(reason), evidence, ttlSec }
}

// The same fields in another order are the same request.
const fingerprintOf = ({ route, params = {}, body }: { route: RouteId; params?: object; body: object }): string =>
  createHash('sha256')
    .update(JSON.stringify([route, sorted(params), sorted(body)]))
    .digest('hex')

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, held]) => held !== undefined)
  return fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, held]) => [name, sorted(held)])
}
