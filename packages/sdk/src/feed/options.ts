/** What to do without news of who is alive. */
export type LivenessMode = 'guarded' | 'best_effort'

/** How long an identity goes on without news of who is alive, and what it does then. */
export interface LivenessOptions {
  /** Age of the news after which guarded calls are refused, in milliseconds; 3000 when absent. */
  readonly budgetMs?: number
  /** Further time after which what is open ends, in milliseconds; 1000 when absent. */
  readonly graceMs?: number
  /** How often the authority speaks when nothing happens (its `feed.heartbeat_ms`); 1000 when absent. */
  readonly heartbeatMs?: number
  /** `best_effort` goes on without news, without a bound, and marks its replies; `guarded` when absent. */
  readonly mode?: LivenessMode
  /** What the authority calls this enforcement point; host name and process number when absent. */
  readonly name?: string
}

export type Liveness = Required<LivenessOptions>

/** @throws TypeError for an option that cannot be meant */
export function livenessOf(options: LivenessOptions, name: string): Liveness {
  const liveness = { budgetMs: 3_000, graceMs: 1_000, heartbeatMs: 1_000, mode: 'guarded', name, ...options } as const
  within('budgetMs', liveness.budgetMs, 100)
  within('graceMs', liveness.graceMs, 0)
  within('heartbeatMs', liveness.heartbeatMs, 10)
  if (liveness.mode !== 'guarded' && liveness.mode !== 'best_effort')
    throw new TypeError(`expected liveness.mode as guarded or best_effort, got ${liveness.mode}`)
  return { ...liveness, name: String(liveness.name).slice(0, 128) }
}

/** What the authority takes at most: an hour. */
const MOST_MS = 3_600_000

function within(name: string, value: number, least: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= MOST_MS))
    throw new TypeError(`expected liveness.${name} as whole milliseconds from ${least} to ${MOST_MS}, got ${value}`)
}
