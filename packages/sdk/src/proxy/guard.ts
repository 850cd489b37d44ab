import { IdentityError } from '../errors.ts'
import type { Admission, Guard, GuardReport, GuardStanding } from '../guard/guard.ts'
import { Waiting } from '../guard/waiting.ts'
import type { Ward } from '../mtls/session.ts'
import type { TimeSource } from '../time.ts'

/** How long a request waits for the daemon to know who is alive. */
const PATIENCE_MS = 10_000

/** What the daemon knows of who is alive: it hears of kills and cuts the dead, and tells how well it hears. */
export class DaemonGuard implements Guard {
  readonly link = null
  readonly #turned: (standing: GuardStanding, error: IdentityError | null) => void
  readonly #waiting: Waiting
  readonly #wards = new Set<Ward>()
  #standing: GuardStanding = 'catching-up'

  constructor({ time, turned }: { readonly time: TimeSource; readonly turned: DaemonGuard['tell'] }) {
    this.#turned = turned
    this.#waiting = new Waiting(time)
  }

  get standing(): GuardStanding {
    return this.#standing
  }

  /** The daemon says how it stands, or cannot be heard any more: then it is `stale`. */
  tell(standing: GuardStanding, error: IdentityError | null): void {
    if (this.#standing === standing) return
    this.#standing = standing
    if (standing !== 'catching-up') this.#waiting.flush()
    this.#turned(standing, error)
  }

  report(): GuardReport {
    const mode = this.#standing === 'off' || this.#standing === 'unguarded' ? 'best_effort' : 'guarded'
    return { standing: this.#standing, ageMs: null, epoch: null, point: null, sessions: this.#wards.size, mode }
  }

  admit(ward: Ward): Admission {
    if (ward.dead !== null) return 'dead'
    switch (this.#standing) {
      case 'fresh':
      case 'off':
      case 'unguarded':
        return 'yes'
      case 'catching-up':
        return 'wait'
      case 'dead':
        return 'dead'
      case 'stale':
      case 'over':
        return 'stale'
    }
  }

  settled(): Promise<void> {
    return this.#waiting.wait(PATIENCE_MS)
  }

  /** Whether a call may go out is judged by the daemon, which makes the connection; those that are open are judged here. */
  async ready(): Promise<void> {
    if (this.#standing === 'dead') throw new IdentityError('identity_dead', 'the own identity was taken away')
    if (this.#standing === 'stale' || this.#standing === 'over')
      throw new IdentityError('liveness_stale', 'expected the daemon to have news of who is alive')
  }

  opened(ward: Ward): void {
    this.#wards.add(ward)
  }

  closed(ward: Ward): void {
    this.#wards.delete(ward)
  }

  begin(): void {}
  renewed(): void {}

  stop(): void {
    this.#waiting.flush()
  }
}
