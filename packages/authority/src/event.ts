import type { EventType } from '@lanyard/api'
import { type Act, actorOf, type WorkloadCaller } from './caller.ts'
import type { NewEvent } from './ports.ts'

/** An act, or one that a node does for a workload. */
export type Deed = Omit<Act, 'caller'> & { readonly caller: Act['caller'] | WorkloadCaller }

/** The event of an act. `about` names the tenant and agent that it concerns; `detail` never holds a secret. */
export function eventOf(
  act: Deed,
  type: EventType,
  about: { readonly tenant?: string | null; readonly agent?: string | null },
  detail: Readonly<Record<string, unknown>> = {},
  outcome: NewEvent['outcome'] = 'ok',
): NewEvent {
  return {
    at: act.at,
    type,
    outcome,
    tenant: about.tenant ?? null,
    agent: about.agent ?? null,
    actor: actorOf(act.caller),
    source: act.source,
    correlation: act.correlation,
    detail,
  }
}
