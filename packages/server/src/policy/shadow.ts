import { type Clock, isoTime, type PolicyDecision, type PolicyQuestion } from '@lanyard/authority'
import { entityText } from '@lanyard/policy'

/** One question on which the version in the shadow says something else. */
export interface Difference {
  readonly at: string
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly active: PolicyDecision
  readonly shadow: PolicyDecision
}

/** What came of a version in the shadow, since this instance asks it. */
export interface ShadowReport {
  readonly version: number
  /** Unix milliseconds. */
  readonly since: number
  readonly asked: number
  readonly differing: number
  /** Newest first. */
  readonly examples: readonly Difference[]
}

/** How many examples are kept. */
const KEPT = 100

/** Holds what a version in the shadow says against what decided. */
export class ShadowBook {
  readonly version: number
  readonly #clock: Clock
  readonly #since: number
  readonly #examples: Difference[] = []
  #asked = 0
  #differing = 0

  constructor(version: number, clock: Clock) {
    this.version = version
    this.#clock = clock
    this.#since = clock.now()
  }

  note(question: PolicyQuestion, active: PolicyDecision, shadow: PolicyDecision): void {
    this.#asked++
    if (active.allowed === shadow.allowed) return
    this.#differing++
    const { principal, action, resource } = question
    this.#examples.unshift({
      at: isoTime(this.#clock.now(), 'milliseconds'),
      principal: entityText(principal),
      action,
      resource: entityText(resource),
      active,
      shadow,
    })
    this.#examples.length = Math.min(this.#examples.length, KEPT)
  }

  report(): ShadowReport {
    const { version } = this
    return {
      version,
      since: this.#since,
      asked: this.#asked,
      differing: this.#differing,
      examples: [...this.#examples],
    }
  }
}
