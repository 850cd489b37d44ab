import type { SecureContext } from 'node:tls'
import { monotonic } from './clock.ts'
import { type Answer, type Goal, Line } from './line.ts'
import type { Pacer } from './pacer.ts'
import type { Pace } from './roles/callers.ts'

/** A call that was let in. Times are monotonic. */
export interface Accept {
  readonly goal: number
  readonly sentAt: number
  readonly firstByteAt: number
  readonly admittedAt: number
  /** On a connection that was made after the first one was cut. */
  readonly knocked: boolean
}

export interface VictimEnd {
  /** Of the last seconds. */
  readonly accepts: readonly Accept[]
  /** Connections that the other side ended, and when the last one was seen to. */
  readonly cut: number
  readonly lastCutAt: number | null
  /** Connections that were still open when the wait was over. */
  readonly open: number
  /** New connections tried after the cut, and how they ended. */
  readonly knocks: Readonly<Record<string, number>>
  /** Refusals on the connections that it had. */
  readonly refused: Readonly<Record<string, number>>
}

export interface CallerParts {
  readonly goals: readonly Goal[]
  readonly context: SecureContext
  readonly pace: Pace
  readonly pacer: Pacer
}

const WARM_ANSWERS = 5
const KNOCK_EVERY_MS = 50
const REMEMBERED = 20_000

/** An agent that will be killed: it calls until its connections are cut, and then knocks anew again and again. */
export class Victim {
  readonly #parts: CallerParts
  readonly #lines = new Set<Line>()
  readonly #accepts: Accept[] = []
  readonly #knocks: Record<string, number> = {}
  readonly #refused: Record<string, number> = {}
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #everyMs: number
  readonly #gone = Promise.withResolvers<void>()
  readonly #warm = Promise.withResolvers<void>()
  #cold: number
  #cut = 0
  #lastCutAt: number | null = null
  #stopped = false

  constructor(parts: CallerParts) {
    this.#parts = parts
    const { goals, pace } = parts
    this.#everyMs = (1000 * pace.connections) / pace.callsPerSec
    this.#cold = goals.length * pace.connections
    for (const goal of goals.keys()) for (let each = 0; each < pace.connections; each++) this.#open(goal)
  }

  /** All its connections had answers. @throws Error when one failed before */
  warm(): Promise<void> {
    return this.#warm.promise
  }

  /** None of its connections is left. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  stop(): VictimEnd {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    const open = this.#lines.size
    for (const line of this.#lines) this.#drop(line)
    return {
      accepts: this.#accepts,
      cut: this.#cut,
      lastCutAt: this.#lastCutAt,
      open,
      knocks: this.#knocks,
      refused: this.#refused,
    }
  }

  #open(goal: number): void {
    let answers = 0
    const line = new Line(this.#parts.goals[goal]!, this.#parts.context, {
      onAnswer: answer => {
        this.#take(goal, answer, false)
        if (++answers === WARM_ANSWERS && --this.#cold === 0) this.#warm.resolve()
      },
      onEnd: cause => {
        this.#drop(line)
        this.#warm.reject(new Error(`a connection ended before it was warm: ${cause}`))
        this.#cut += 1
        this.#lastCutAt = monotonic()
        if (this.#lines.size === 0) this.#gone.resolve()
        this.#knock(goal)
      },
    })
    this.#lines.add(line)
    this.#parts.pacer.add(line, this.#everyMs)
  }

  #drop(line: Line): void {
    this.#lines.delete(line)
    this.#parts.pacer.remove(line)
    line.close()
  }

  #take(goal: number, { status, sentAt, firstByteAt, admittedAt, code }: Answer, knocked: boolean): void {
    if (status === 200) {
      this.#accepts.push({ goal, sentAt, firstByteAt, admittedAt, knocked })
      if (this.#accepts.length > REMEMBERED) this.#accepts.splice(0, REMEMBERED / 2)
    } else count(this.#refused, code ?? String(status))
  }

  /** A new connection with one call on it. */
  #knock(goal: number): void {
    if (this.#stopped) return
    const done = (outcome: string) => {
      count(this.#knocks, outcome)
      line.close()
      if (this.#stopped) return
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#knock(goal)
      }, KNOCK_EVERY_MS)
      this.#timers.add(timer)
    }
    const line = new Line(this.#parts.goals[goal]!, this.#parts.context, {
      onAnswer: answer => {
        if (answer.status === 200) this.#take(goal, answer, true)
        done(answer.status === 200 ? 'accepted' : (answer.code ?? String(answer.status)))
      },
      onEnd: cause => done(cause),
    })
    line.call()
  }
}

export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
