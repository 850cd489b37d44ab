import { type ClockSample, clockSample, type Now } from '@lanyard/protocol'
import type { Link } from '../client/link.ts'
import { asIdentityError, IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'

/** What an enforcement point says of itself: the body of `POST /v1/feed/points`. */
export interface Enrolment {
  readonly point: string
  readonly name: string
  readonly mode: 'guarded' | 'best_effort'
  readonly budget_ms: number
  readonly grace_ms: number
  readonly epoch: number
  readonly as_of: number | null
  readonly offset_ms: number | null
  readonly uncertainty_ms: number | null
  readonly sessions: number
  readonly regressed?: string
}

export interface LeasePorts {
  readonly time: TimeSource
  /** The connection of this moment; null: none. */
  readonly link: () => Link | null
  readonly describe: () => Enrolment
  /** The authority knows this of it now. */
  readonly enrolled: (enrolment: Enrolment) => void
  /** The clocks were compared. */
  readonly compared: (sample: ClockSample, now: Now) => void
  readonly failed: (error: IdentityError, shown: object) => void
}

const AGAIN_MS = 1_000
const SOONEST_MS = 100

/** Holds the lease of an enforcement point, and compares clocks with the authority on the way. */
export class Lease {
  readonly #ports: LeasePorts
  #cancel = () => {}
  #asking: Promise<void> | null = null
  #stopped = false

  constructor(ports: LeasePorts) {
    this.#ports = ports
  }

  /** Renews now, over this connection where one is given; joins a renewal under way. Its failures are told, not thrown. */
  renew(link = this.#ports.link()): Promise<void> {
    if (this.#stopped || link === null) return Promise.resolve()
    this.#asking ??= this.#renew(link).finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #renew(link: Link): Promise<void> {
    this.#cancel()
    let wait = AGAIN_MS
    try {
      wait = await this.#ask(link)
    } catch (error) {
      this.#ports.failed(asIdentityError(error), link.svid)
    }
    this.#cancel()
    if (!this.#stopped) this.#cancel = this.#ports.time.after(wait, () => void this.renew())
  }

  /** Asks once; gives how many milliseconds to wait before the next time. */
  async #ask(link: Link): Promise<number> {
    const { describe, enrolled, compared } = this.#ports
    const enrolment = describe()
    const sent = this.#now()
    const reply = parse(await link.call('POST', '/v1/feed/points', enrolment))
    const got = this.#now()
    enrolled(enrolment)
    const sample = clockSample({ sent, got }, reply)
    // Both sides tell whole milliseconds.
    if (sample !== null) compared({ ...sample, uncertaintyMs: sample.uncertaintyMs + 1 }, got)
    return Math.max(SOONEST_MS, reply.renewAfterMs)
  }

  #now(): Now {
    const { time } = this.#ports
    return { wall: time.now(), monotonic: time.monotonic() }
  }
}

interface Reply {
  readonly renewAfterMs: number
  readonly receivedAt: number
  readonly answeredAt: number
}

function parse(reply: unknown): Reply {
  const { renew_after_ms, received_at, answered_at } = (reply ?? {}) as Record<string, unknown>
  const [renewAfterMs, receivedAt, answeredAt] = [renew_after_ms, received_at, answered_at]
  if (isCount(renewAfterMs) && isCount(receivedAt) && isCount(answeredAt) && answeredAt >= receivedAt)
    return { renewAfterMs, receivedAt, answeredAt }
  throw new IdentityError('reply_invalid', 'the authority gave no usable lease')
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
