import { ERRORS, LanyardError } from '@lanyard/api'
import { ProtocolError } from '@lanyard/protocol'
import { RecordedRefusal } from '../lineage.ts'
import { type AgentKey, type Clock, type Rows, type Store, shared } from '../ports.ts'

/** Who was refused, known by a credential that was proved, and where the request came from. */
export interface RefusedRequest {
  readonly agent: AgentKey | { readonly tenant: string | null; readonly agent: null }
  /** Who asked, as events name it. */
  readonly actor: string
  /** `cert.refused` where nothing else is said. */
  readonly type?: 'cert.refused' | 'federation.refused' | 'session.refused' | 'access.refused' | undefined
  readonly source: string | null
  readonly correlation: string | null
}

/** The same refusal of the same agent is told once in this time; what came in between is counted. */
const QUIET_MS = 60_000
/** Agents and codes remembered at once; the oldest is forgotten first. */
const REMEMBERED = 10_000

interface Told {
  readonly at: number
  unsaid: number
}

/**
 * Writes events of refusals: a dead agent that knocks is worth knowing, and must not fill the store. Strangers never
 * come here: they are counted, not recorded.
 */
export class Refusals {
  readonly #ports: { readonly store: Store; readonly rows: Rows; readonly clock: Clock }
  readonly #told = new Map<string, Told>()

  constructor(ports: { readonly store: Store; readonly rows: Rows; readonly clock: Clock }) {
    this.#ports = ports
  }

  /** Tells of a refusal, unless it was told; faults of ours are no refusals. Never throws what the store throws. */
  async tell(
    error: unknown,
    { agent, actor, type = 'cert.refused', source, correlation }: RefusedRequest,
  ): Promise<void> {
    const code = refusalCode(error)
    if (code === null) return
    const at = this.#ports.clock.now()
    const unsaid = this.#take(`${type} ${code} ${actor} ${agent.tenant}/${agent.agent}`, at)
    if (unsaid === null) return
    const event = {
      at,
      type,
      outcome: 'refused',
      tenant: agent.tenant,
      agent: agent.agent,
      actor,
      source,
      correlation,
      detail: { code, more_since_last: unsaid },
    } as const
    // The caller is refused either way, and learns why.
    await this.#ports.store.write(() => this.#ports.rows.events.append(event), shared()).catch(() => {})
  }

  /** How many went untold since the last event of this name, or null while it is quiet. */
  #take(name: string, at: number): number | null {
    const last = this.#told.get(name)
    if (last && at - last.at < QUIET_MS) {
      last.unsaid++
      return null
    }
    this.#told.delete(name)
    this.#told.set(name, { at, unsaid: 0 })
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.keys().next().value!)
    return last?.unsaid ?? 0
  }
}

function refusalCode(error: unknown): string | null {
  if (error instanceof RecordedRefusal) return null
  if (!(error instanceof LanyardError) && !(error instanceof ProtocolError)) return null
  return ERRORS[error.code].status < 500 ? error.code : null
}
