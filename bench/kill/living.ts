import { pause } from './clock.ts'
import { Line } from './line.ts'
import { type CallerParts, count } from './victim.ts'

/** What agents lost that nobody killed. */
export interface Lost {
  readonly calls: number
  /** Calls without an answer, or refused: by cause. */
  readonly lost: Readonly<Record<string, number>>
  /** Connections that the other side ended while nothing was asked on them. */
  readonly ended: number
  /** From sending to the first byte, the slowest. */
  readonly slowestMs: number
}

const WARM_ANSWERS = 5

/** An agent that nobody kills: every call of it must be answered. */
export class Living {
  readonly #parts: CallerParts
  readonly #lines = new Set<Line>()
  readonly #lost: Record<string, number> = {}
  readonly #warm = Promise.withResolvers<void>()
  #calls = 0
  #ended = 0
  #slowestMs = 0
  #stopped = false

  constructor(parts: CallerParts) {
    this.#parts = parts
    for (const goal of parts.goals.keys()) for (let each = 0; each < parts.pace.connections; each++) this.#open(goal)
  }

  /** It had answers. */
  warm(): Promise<void> {
    return this.#warm.promise
  }

  async stop(): Promise<Lost> {
    this.#stopped = true
    for (const line of this.#lines) this.#parts.pacer.remove(line)
    while ([...this.#lines].some(line => line.busy)) await pause(5)
    for (const line of this.#lines) line.close()
    return { calls: this.#calls, lost: this.#lost, ended: this.#ended, slowestMs: this.#slowestMs }
  }

  #open(goal: number): void {
    const line = new Line(this.#parts.goals[goal]!, this.#parts.context, {
      onAnswer: ({ status, code, sentAt, firstByteAt }) => {
        if (++this.#calls === WARM_ANSWERS * this.#parts.goals.length) this.#warm.resolve()
        this.#slowestMs = Math.max(this.#slowestMs, firstByteAt - sentAt)
        if (status !== 200) count(this.#lost, code ?? String(status))
      },
      onEnd: (cause, lost) => {
        this.#lines.delete(line)
        this.#parts.pacer.remove(line)
        if (lost) count(this.#lost, `connection ended: ${cause}`)
        else this.#ended += 1
        if (!this.#stopped) this.#open(goal)
      },
    })
    this.#lines.add(line)
    const { callsPerSec, connections } = this.#parts.pace
    this.#parts.pacer.add(line, (1000 * connections) / callsPerSec)
  }

  static add(one: Lost, other: Lost): Lost {
    const lost = { ...one.lost }
    for (const [cause, times] of Object.entries(other.lost)) lost[cause] = (lost[cause] ?? 0) + times
    return {
      calls: one.calls + other.calls,
      lost,
      ended: one.ended + other.ended,
      slowestMs: Math.max(one.slowestMs, other.slowestMs),
    }
  }
}
