import type { ErrorCode, LanyardError, NodeEntry } from '@lanyard/api'
import { Alarm, backoff } from '@lanyard/sdk/authority'
import { asLanyardError, isFinal } from '../authority/codes.ts'
import type { Judge } from '../authority/feed.ts'
import type { HeldSvid } from '../ports.ts'
import { Demand } from './demand.ts'
import type { Kept } from './held.ts'
import type { SlotPorts, SlotState } from './ports.ts'
import { NEW_LINEAGE, Request } from './request.ts'

/** A lost SVID is told as lost when no other one came within so many milliseconds: of a death, and of an end. */
const AFTER_DEATH_MS = 80
const AFTER_END_MS = 2_000
/** How long a refusal holds for whoever asks again. */
const REFUSED_MS = 5_000
/** How soon one that has not begun is asked for anew, lest clocks that never agree make it a storm. */
const EARLY_MS = 1_000
/** Part of the second half of a life over which renewals are spread. */
const JITTER = 0.1

const DEATHS: Readonly<Record<Exclude<ReturnType<Judge>, 'alive'>, ErrorCode>> = {
  agent: 'agent_quarantined',
  tenant: 'tenant_killed',
  lineage: 'lineage_ended',
  key: 'key_killed',
  issuer: 'instance_evicted',
}

/** The SVID of one entry: made when first asked for, renewed while somebody wants it, gone at once when it dies. */
export class Slot {
  #entry: NodeEntry
  readonly #ports: SlotPorts
  readonly #alarm: Alarm
  readonly #next: Request
  readonly #demand: Demand
  #kept: Kept | null = null
  /** When it is renewed, by the authority's time: half life, spread. */
  #renewAt = 0
  #state: SlotState = { kind: 'pending' }
  /** Until then a refusal holds; by the steady clock. */
  #refusedUntil = Number.NEGATIVE_INFINITY
  /** When the next try comes, by the steady clock. */
  #retryAt = Number.NEGATIVE_INFINITY
  #failures = 0
  #busy: Promise<void> | null = null
  /** The entry has changed while the last request was under way. */
  #stale = false
  #cancelGrace = () => {}
  #since = Number.POSITIVE_INFINITY
  #dead = false

  constructor(entry: NodeEntry, ports: SlotPorts) {
    this.#entry = entry
    this.#ports = ports
    this.#alarm = new Alarm(ports.time)
    this.#next = new Request(ports)
    this.#demand = new Demand(ports.time)
  }

  get entry(): NodeEntry {
    return this.#entry
  }

  get state(): SlotState {
    // A process that stood still may be asked before its timers ring.
    if (this.#kept !== null) this.#look()
    return this.#state
  }

  get svid(): HeldSvid | null {
    return this.#kept?.svid ?? null
  }

  /** When the SVID that is held came, by the steady clock. */
  get since(): number {
    return this.#since
  }

  get followers(): number {
    return this.#demand.followers
  }

  /** Somebody wants it from now on; gives what ends that. */
  follow(): () => void {
    const leave = this.#demand.follow()
    this.ask()
    return leave
  }

  /** Somebody wants it now. */
  ask(): void {
    const { time } = this.#ports
    this.#demand.ask()
    if (this.#kept !== null && this.#look()) return
    if (this.#state.kind === 'refused' && time.monotonic() < this.#refusedUntil) return
    if (this.#state.kind === 'refused') this.#state = { kind: 'pending' }
    // Another try is near, and comes by itself.
    if (this.#state.kind === 'unavailable' && time.monotonic() < this.#retryAt) return
    this.#request()
  }

  /** Takes one from the disk. */
  restore(kept: Kept): void {
    if (this.#ports.judge(kept.credential) !== 'alive') this.#ports.forget(this.#entry.id)
    else this.#put(this.#updated(kept))
  }

  /** The entry has changed: what its SVID says may be other, too. */
  change(entry: NodeEntry): void {
    const before = this.#entry
    this.#entry = entry
    this.#refusedUntil = Number.NEGATIVE_INFINITY
    if (before.spiffe_id !== entry.spiffe_id || before.tenant !== entry.tenant || before.agent !== entry.agent) {
      this.#next.forget()
      if (this.#kept !== null) this.#lose('entry', null)
    } else if (this.#kept !== null) {
      this.#kept = this.#updated(this.#kept)
      this.#tell({ kind: 'svid', svid: this.#kept.svid })
    }
    this.#stale = this.#busy !== null
    if (this.#demand.isThere) this.#request()
  }

  /** The entry is no more. */
  end(): void {
    this.#dead = true
    this.#alarm.clear()
    this.#cancelGrace()
    this.#ports.forget(this.#entry.id)
    if (this.#kept !== null) this.#ports.meter.count('withdrawals', { cause: 'entry' })
    this.#kept = null
  }

  /** Stops without forgetting. */
  stop(): void {
    this.#dead = true
    this.#alarm.clear()
    this.#cancelGrace()
  }

  /** Deaths were heard: it is judged anew. */
  judge(): void {
    if (this.#kept === null) return
    const verdict = this.#ports.judge(this.#kept.credential)
    if (verdict !== 'alive') this.#die(verdict)
  }

  /** Somebody was reborn, or the authority is back: what was refused may be given. */
  again(): void {
    this.#refusedUntil = Number.NEGATIVE_INFINITY
    if (this.#state.kind !== 'svid' && this.#demand.isThere) this.#request()
  }

  #die(verdict: Exclude<ReturnType<Judge>, 'alive'>): void {
    const code = DEATHS[verdict]
    this.#ports.log.warn({ entry: this.#entry.id, code }, 'an identity was withdrawn: it died')
    if (verdict === 'agent' || verdict === 'tenant') {
      this.#lose('death', null)
      this.#refuse(code, `${this.#entry.spiffe_id} was taken away`)
      return
    }
    this.#lose('death', { ms: AFTER_DEATH_MS, code, detail: 'the certificate was revoked; another one is asked for' })
    if (this.#demand.isThere) this.#request()
  }

  /** Lets go of the SVID. With `grace` nothing is told until another one is there or the time is over. */
  #lose(
    cause: 'death' | 'entry' | 'expiry',
    grace: { readonly ms: number; readonly code: ErrorCode; readonly detail: string } | null,
  ): void {
    this.#ports.meter.count('withdrawals', { cause })
    this.#kept = null
    this.#next.forget()
    this.#state = { kind: 'pending' }
    this.#ports.forget(this.#entry.id)
    this.#alarm.clear()
    this.#cancelGrace()
    if (grace === null) return
    this.#cancelGrace = this.#ports.time.after(grace.ms, () => {
      if (this.#state.kind === 'pending') this.#tell({ kind: 'unavailable', code: grace.code, detail: grace.detail })
    })
  }

  #request(): void {
    if (this.#dead) return
    this.#alarm.clear()
    this.#busy ??= this.#renew().finally(() => {
      this.#busy = null
      if (this.#dead) return
      this.#plan()
      if (this.#stale && this.#demand.isThere) this.#request()
      this.#stale = false
    })
  }

  async #renew(): Promise<void> {
    const { meter, time } = this.#ports
    const began = time.monotonic()
    const before = this.#kept?.svid ?? null
    try {
      const kept = await this.#next.ask(this.#entry, before)
      if (this.#dead) return
      meter.count('renewals', { result: 'ok' })
      meter.time('renewal', (time.monotonic() - began) / 1000)
      this.#failures = 0
      this.#take(kept)
    } catch (error) {
      if (!this.#dead) this.#failed(asLanyardError(error), before !== null)
    }
  }

  #take(kept: Kept): void {
    // The entry is another agent's by now: nothing follows on this one.
    if (kept.svid.entry.spiffe_id !== this.#entry.spiffe_id) return
    const verdict = this.#ports.judge(kept.credential)
    if (verdict !== 'alive') {
      this.#die(verdict)
      return
    }
    this.#ports.store(kept)
    this.#put(this.#updated(kept))
  }

  #failed(error: LanyardError, renewed: boolean): void {
    const { log, meter } = this.#ports
    const { code, message } = error
    meter.count('renewals', { result: code })
    log.warn({ entry: this.#entry.id, code }, `no new SVID: ${message}`)
    this.#failures++
    if (code === 'key_reused') this.#next.forget()
    if (renewed && NEW_LINEAGE.has(code)) {
      this.#failures = 0
      if (this.#kept !== null) this.#lose('death', { ms: AFTER_DEATH_MS, code, detail: message })
    } else if (isFinal(error)) {
      if (this.#kept !== null) this.#lose('death', null)
      this.#refuse(code, message)
    } else if (this.#kept === null) {
      this.#tell({ kind: 'unavailable', code, detail: message })
    }
  }

  #refuse(code: ErrorCode, detail: string): void {
    this.#refusedUntil = this.#ports.time.monotonic() + REFUSED_MS
    this.#tell({ kind: 'refused', code, detail })
  }

  #put(kept: Kept): void {
    this.#cancelGrace()
    this.#kept = kept
    this.#since = this.#ports.time.monotonic()
    const end = endOf(kept)
    this.#renewAt = kept.renewAfter + this.#ports.random() * JITTER * (end - kept.renewAfter)
    this.#tell({ kind: 'svid', svid: kept.svid })
    this.#plan()
  }

  /** What the entry says now counts. */
  #updated(kept: Kept): Kept {
    return { ...kept, svid: { ...kept.svid, entry: this.#entry, hint: this.#entry.hint } }
  }

  #tell(state: SlotState): void {
    this.#state = state
    this.#ports.changed(this.#entry.id)
  }

  /** What comes next: an end, a renewal, or another try. */
  #plan(): void {
    const { time, clock } = this.#ports
    const now = clock.now()
    const retry = this.#failures === 0 ? null : backoff(this.#failures, this.#ports.random)
    const early = this.#kept !== null && isEarly(this.#kept, now) ? EARLY_MS : null
    const renew = retry ?? early ?? Math.max(0, this.#renewAt - now)
    if (this.#kept === null) {
      // A refusal is asked about again as well: a rebirth that was missed must not last.
      const wait = this.#state.kind === 'refused' ? Math.max(REFUSED_MS, retry ?? 0) : (retry ?? 0)
      this.#retryAt = time.monotonic() + wait
      if (this.#demand.isThere) this.#alarm.set(time.now() + wait, () => this.#request())
      return
    }
    const due = this.#demand.isThere ? Math.min(renew, endOf(this.#kept) - now) : endOf(this.#kept) - now
    this.#alarm.set(time.now() + Math.max(0, due), () => this.#due())
  }

  #due(): void {
    if (!this.#look()) {
      if (this.#demand.isThere) this.#request()
      return
    }
    const due = this.#failures > 0 || this.#ports.clock.now() >= this.#renewAt
    if (due && this.#demand.isThere) this.#request()
    else this.#plan()
  }

  #isDue(): boolean {
    const { clock, time } = this.#ports
    const now = clock.now()
    if (now >= this.#renewAt) return true
    return this.#kept !== null && isEarly(this.#kept, now) && time.monotonic() - this.#since >= EARLY_MS
  }

  /** False: there is none, or it has just ended. */
  #look(): boolean {
    if (this.#kept === null) return false
    if (this.#ports.clock.now() < endOf(this.#kept)) {
      if (this.#isDue() && this.#failures === 0 && this.#busy === null) this.#request()
      return true
    }
    this.#lose('expiry', {
      ms: AFTER_END_MS,
      code: 'server_unreachable',
      detail: 'the last certificate has ended, and no other one could be had',
    })
    return false
  }
}

/** Unix milliseconds; the last second counts. */
const endOf = ({ svid }: Kept) => (svid.notAfter + 1) * 1000

/** Whether it is of a time that is still to come, as after the authority's clock was set back: nobody would believe it. */
const isEarly = ({ svid }: Kept, now: number) => now < svid.notBefore * 1000
