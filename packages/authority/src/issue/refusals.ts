import { ERRORS, LanyardError } from '@lanyard/api'
import { ProtocolError } from '@lanyard/protocol'
import { RecordedRefusal } from '../lineage.ts'
import type { AgentKey } from '../ports.ts'
import { RefusalEvents } from '../refusal-events.ts'

/** Who was refused, known by a credential that was proved, and where the request came from. */
export interface RefusedRequest {
  readonly agent: AgentKey | { readonly tenant: string | null; readonly agent: null }
  /** Who asked, as events name it. */
  readonly actor: string
  /** `cert.refused` where nothing else is said. */
  readonly type?:
    | 'cert.refused'
    | 'federation.refused'
    | 'mint.refused'
    | 'session.refused'
    | 'access.refused'
    | 'token.reused'
    | undefined
  /** What is told beside the code. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  readonly source: string | null
  readonly correlation: string | null
}

/**
 * Tells of refusals: a dead agent that knocks is worth knowing. Strangers never come here: they are counted, not
 * recorded.
 */
export class Refusals {
  readonly #events: RefusalEvents

  constructor(ports: ConstructorParameters<typeof RefusalEvents>[0]) {
    this.#events = new RefusalEvents(ports)
  }

  /** Tells of a refusal, unless it was told; faults of ours are no refusals. Never throws what the store throws. */
  async tell(
    error: unknown,
    { agent: { tenant, agent }, actor, type = 'cert.refused', source, correlation, detail }: RefusedRequest,
  ): Promise<void> {
    const code = refusalCode(error)
    if (code === null) return
    const name = `${type} ${code} ${actor} ${tenant}/${agent}`
    await this.#events.tell(name, { type, tenant, agent, actor, source, correlation, detail: { code, ...detail } })
  }
}

function refusalCode(error: unknown): string | null {
  if (error instanceof RecordedRefusal) return null
  if (!(error instanceof LanyardError) && !(error instanceof ProtocolError)) return null
  return ERRORS[error.code].status < 500 ? error.code : null
}
