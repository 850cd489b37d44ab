import type { Received, Standing } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'
import type { Liveness, LivenessMode } from '../feed/options.ts'
import { type Done, Point } from '../feed/point.ts'
import type { Svid } from '../identity/svid.ts'
import { peerDead, type Ward } from '../mtls/session.ts'
import type { TimeSource } from '../time.ts'
import type { Admission, Guard, GuardReport, GuardStanding } from './guard.ts'
import { Register } from './register.ts'
import { Waiting } from './waiting.ts'

export interface LiveGuardPorts {
  readonly url: URL
  readonly time: TimeSource
  readonly liveness: Liveness
  /** The newest certificate. */
  readonly svid: () => Svid
  /** At least 0, below 1. */
  readonly random: () => number
  readonly turned: (standing: GuardStanding, error: IdentityError | null) => void
  /** A connection or stream was ended, since its peer is dead. */
  readonly cut: (ward: Ward) => void
  /** The own identity was taken away. */
  readonly died: () => void
}

/** The authority says so to whoever comes with a certificate that is dead. */
const OWN_DEATHS: ReadonlySet<string> = new Set([
  'agent_quarantined',
  'agent_retired',
  'tenant_killed',
  'incarnation_dead',
])

/** How long calls may wait at the start, in milliseconds. */
const START_MS = 10_000
/** How long they wait for the next connection when the feed breaks off: who kills may have killed that instance too. */
const RECONNECT_MS = 500

/** Follows the feed, and ends what the dead have open. */
export class LiveGuard implements Guard {
  readonly #ports: LiveGuardPorts
  readonly #point: Point
  readonly #register: Register
  readonly #waiting: Waiting
  #mode: LivenessMode
  #standing: GuardStanding = 'catching-up'
  /** What is asked at each request, precomputed. */
  #fresh = false
  #lookAgainAt = Number.NEGATIVE_INFINITY
  /** By the wall clock, which goes on while a machine sleeps. */
  #lookAgainAtWall = Number.NEGATIVE_INFINITY
  #lookedAt = 0
  #lostAt = Number.NEGATIVE_INFINITY
  #wasFresh = false
  #begun = false
  #begunAt = 0
  #stopped = false
  #ownDead = false
  #error: IdentityError | null = null
  #cancel = () => {}

  constructor(ports: LiveGuardPorts) {
    this.#ports = ports
    this.#mode = ports.liveness.mode
    const { url, time, liveness, svid, random } = ports
    this.#point = new Point({
      ...{ url, time, liveness, svid, random },
      mode: () => this.#mode,
      sessions: () => this.#register.size,
      heard: (received, whole) => this.#heard(received, whole),
      lost: error => this.#lost(error),
      failed: (error, shown) => this.#failed(error, shown),
    })
    this.#register = new Register(this.#point.follower.deaths)
    this.#waiting = new Waiting(time)
  }

  get standing(): GuardStanding {
    if (this.#begun) this.#look(this.#ports.time.monotonic())
    return this.#standing
  }

  get link() {
    return this.#point.link
  }

  report(): GuardReport {
    const { follower, id } = this.#point
    const standing = this.standing
    return {
      standing,
      ageMs: this.#ageMs,
      epoch: follower.epoch,
      point: id,
      sessions: this.#register.size,
      mode: this.#mode,
    }
  }

  begin(unbounded = false): void {
    if (unbounded && this.#mode === 'guarded') {
      this.#mode = 'best_effort'
      this.#point.enrol()
    }
    if (this.#begun || this.#stopped) return
    this.#begun = true
    this.#begunAt = this.#ports.time.monotonic()
    this.#lookedAt = this.#begunAt
    this.#point.start()
    this.#tick()
  }

  admit(ward: Ward, bestEffort: boolean): Admission {
    const at = this.#ports.time.monotonic()
    // Here, since a process that stood still may hear of a request before its timers ring.
    if (at >= this.#lookAgainAt || this.#ports.time.now() >= this.#lookAgainAtWall) this.#look(at)
    if (ward.dead !== null || this.#ownDead) return 'dead'
    const goesOn = this.#fresh || bestEffort || this.#ports.liveness.mode === 'best_effort'
    if (goesOn) {
      ward.lastAccept = at
      return this.#fresh ? 'yes' : 'marked'
    }
    return this.#standing === 'catching-up' ? 'wait' : 'stale'
  }

  settled(): Promise<void> {
    return this.#waiting.wait(this.#patienceMs)
  }

  async ready(): Promise<void> {
    // Whoever asks learns that the identity was closed.
    if (this.#stopped) return
    this.begin()
    this.#look(this.#ports.time.monotonic())
    if (this.#ports.liveness.mode === 'best_effort' && !this.#ownDead) return
    if (this.#standing === 'catching-up') await this.#waiting.wait(this.#patienceMs, { hold: true })
    if (this.#ownDead) throw ownDeath()
    if (!this.#fresh) throw this.#noNews()
  }

  opened(ward: Ward): void {
    // The feed of a trust domain says nothing of others.
    if (!ward.peer.id.memberOf(this.#ports.svid().trustDomain)) return
    this.#register.add(ward, this.#point.follower.template)
    this.#register.judge(ward)
  }

  closed(ward: Ward): void {
    this.#register.left(ward)
  }

  renewed(): void {
    if (!this.#begun) return
    this.#ownDead = false
    this.#judgeOwn()
    this.#point.renewed()
    this.#look(this.#ports.time.monotonic())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
    this.#point.stop()
    this.#waiting.flush()
  }

  get #ageMs(): number | null {
    const age = this.#point.follower.age(this.#point.now())
    return Number.isFinite(age) ? Math.round(age) : null
  }

  get #patienceMs(): number {
    const { budgetMs } = this.#ports.liveness
    return this.#wasFresh ? budgetMs : Math.max(budgetMs, START_MS)
  }

  #tick(): void {
    const { time, liveness } = this.#ports
    this.#look(time.monotonic())
    this.#point.look(this.#point.now())
    this.#cancel = time.after(Math.max(1, liveness.heartbeatMs / 4), () => this.#tick())
  }

  /** Sees how things stand, and until when that holds without being looked at. */
  #look(at: number): void {
    const { heartbeatMs, budgetMs } = this.#ports.liveness
    const { follower } = this.#point
    const now = this.#point.now()
    if (at - this.#lookedAt > heartbeatMs) this.#point.stalled(now)
    this.#lookedAt = at
    const standing = this.#ownDead ? 'dead' : this.#patient(follower.standing(now), at)
    this.#fresh = standing === 'fresh'
    const holdsMs = this.#fresh ? Math.min(heartbeatMs, budgetMs - follower.age(now)) : 0
    this.#lookAgainAt = at + holdsMs
    this.#lookAgainAtWall = now.wall + holdsMs
    this.#turn(standing)
  }

  /** An authority may begin with a snapshot that it once made for another reader; a line of this moment follows. */
  #patient(standing: Standing, at: number): Standing {
    if (standing === 'fresh') return this.#isLost(at) ? 'catching-up' : standing
    const begins = !this.#wasFresh && at - this.#begunAt < START_MS
    return begins ? 'catching-up' : standing
  }

  #isLost(at: number): boolean {
    return this.#point.link === null && at - this.#lostAt < RECONNECT_MS
  }

  /** What died meanwhile is told by the next connection, mostly within some tens of milliseconds. */
  #lost(error: IdentityError): void {
    const { time } = this.#ports
    this.#error = error
    this.#lostAt = time.monotonic()
    this.#look(this.#lostAt)
    time.after(RECONNECT_MS, () => this.#stopped || this.#look(time.monotonic()))
  }

  #turn(standing: GuardStanding): void {
    if (this.#standing === standing) return
    this.#standing = standing
    this.#wasFresh ||= this.#fresh
    if (standing === 'fresh') this.#error = null
    if (standing !== 'catching-up') this.#waiting.flush()
    if (standing === 'over') this.#endGuarded()
    this.#ports.turned(standing, this.#error)
  }

  #heard({ dead }: Received, whole: boolean): Done {
    const { template } = this.#point.follower
    const dying = this.#register.dead(whole ? 'all' : dead, template)
    for (const ward of dying) this.#end(ward)
    if (whole || dead.length > 0) this.#judgeOwn()
    this.#look(this.#ports.time.monotonic())
    const times = [...dying.map(({ lastAccept }) => lastAccept), this.#register.lastLeft(dead) ?? 0]
    const lastAccept = times.reduce((a, b) => Math.max(a, b))
    return { cut: dying.length, lastAccept: lastAccept === 0 ? null : lastAccept }
  }

  #end(ward: Ward): void {
    ward.end(peerDead(ward))
    this.#ports.cut(ward)
  }

  #endGuarded(): void {
    if (this.#ports.liveness.mode === 'best_effort') return
    const why = this.#noNews()
    for (const ward of [...this.#register]) ward.endGuarded(why)
  }

  #judgeOwn(): void {
    const { deaths, template } = this.#point.follower
    const { credential, id } = this.#ports.svid()
    const verdict = deaths.judge({ ...credential, tenant: template?.namesIn(id)?.tenant ?? null })
    if (verdict !== 'alive') this.#die()
  }

  /** Peers that hear it cut from their side; this one does not go on with those who have not. */
  #die(): void {
    if (this.#ownDead) return
    this.#ownDead = true
    this.#look(this.#ports.time.monotonic())
    for (const ward of [...this.#register]) ward.end(ownDeath())
    this.#ports.died()
  }

  #failed(error: IdentityError, shown: object): void {
    this.#error = error
    // What is said to an older certificate says nothing of a newer one, which may be of the next incarnation.
    if (OWN_DEATHS.has(error.code) && shown === this.#ports.svid()) this.#die()
  }

  #noNews(): IdentityError {
    const { budgetMs } = this.#ports.liveness
    const details = this.#error === null ? {} : { cause: this.#error }
    const got = this.#ageMs === null ? 'got none' : `the newest is ${this.#ageMs} ms old`
    return new IdentityError(
      'liveness_stale',
      `expected news of who is alive, not older than ${budgetMs} ms, ${got}`,
      details,
    )
  }
}

const ownDeath = () => new IdentityError('identity_dead', 'the own identity was taken away')
