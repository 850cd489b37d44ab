import { LanyardError } from '@lanyard/api'
import { BoundedMap } from '@lanyard/protocol'

/** Proofs of one machine that are looked at in a minute, and how long a refusal of it stays told. */
const MOST = 100
const MINUTE = 60_000
/** Machines remembered; the one that came longest ago is forgotten first. */
const REMEMBERED = 10_000

interface Knock {
  readonly since: number
  count: number
  told: string | null
}

/**
 * Counts how often a machine proves itself: a proof is judged under locks that all others wait for, and a banned machine
 * keeps its key. Who cannot prove to be the machine counts nothing here.
 */
export class Knocks {
  readonly #machines = new BoundedMap<string, Knock>(REMEMBERED)

  /** Counts one proof of this machine. Throws `rate_limited`. */
  add(machine: string, at: number): void {
    const known = this.#machines.get(machine)
    const recent = known !== undefined && at >= known.since && at - known.since < MINUTE
    const knock = recent ? known : { since: at, count: 0, told: null }
    this.#machines.set(machine, knock)
    if (++knock.count <= MOST) return
    const seconds = Math.max(1, Math.ceil((knock.since + MINUTE - at) / 1000))
    throw new LanyardError('rate_limited', `expected at most ${MOST} proofs of one machine in a minute`, {
      retry_after_sec: seconds,
    })
  }

  /** Whether this refusal of it is still to be told in this minute; from now on it is not. */
  tell(machine: string, code: string): boolean {
    const knock = this.#machines.get(machine)
    if (knock === undefined) return true
    const isNew = knock.told !== code
    knock.told = code
    return isNew
  }
}
