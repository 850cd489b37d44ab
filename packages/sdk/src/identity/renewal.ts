import type { Authority } from '../client/authority.ts'
import { asIdentityError, IdentityError } from '../errors.ts'
import { Alarm, pause, type TimeSource } from '../time.ts'
import { makePending, type Pending, type Renewed, send } from './attempt.ts'
import { backoff } from './backoff.ts'
import type { Attachable } from './first.ts'
import type { KeySource } from './keys.ts'
import type { Opening } from './opening.ts'
import { NOBODY, type SvidListener } from './source.ts'
import type { Svid } from './svid.ts'
import { type Verdict, verdictOn } from './verdict.ts'
import { Voucher } from './voucher.ts'

/** How early the next key is made, before it is due. */
const KEY_LEAD_MS = 15_000
/** Fresh tokens that the authority may refuse in a row before a person must look. */
const MAX_TOKENS = 4

export interface RenewalPorts {
  readonly authority: Authority
  readonly keys: KeySource
  readonly opening: Opening
  readonly time: TimeSource
  /** At least 0, below 1. */
  readonly random: () => number
  readonly ttlSec?: number | undefined
}

/**
 * Keeps one certificate fresh. One attempt at a time; between two it waits on an alarm, for the moment that the
 * authority named or for the end of a backoff.
 */
export class Renewal implements Attachable {
  readonly #ports: RenewalPorts
  readonly #alarm: Alarm
  readonly #keyAlarm: Alarm
  readonly #stopped = new AbortController()
  #listener = NOBODY
  #svid: Svid | null = null
  #pending: Pending | null = null
  #attempt: Promise<Svid> | null = null
  #needsToken = true
  #tokensRefused = 0
  #failures = 0
  #ttlSec: number | undefined
  /** The authority asked not to be asked before: by the steady clock, which nobody can set. */
  #notBefore = 0

  constructor(ports: RenewalPorts) {
    this.#ports = ports
    this.#alarm = new Alarm(ports.time)
    this.#keyAlarm = new Alarm(ports.time)
    this.#ttlSec = ports.ttlSec
  }

  /** Tells this listener from now on, and no other. */
  attach(listener: SvidListener): this {
    this.#listener = listener
    return this
  }

  /**
   * Makes an attempt now, or joins the one under way; where the authority asked for a pause, after it. Its failure is
   * the caller's to see; the renewal goes on by itself.
   *
   * @throws IdentityError
   */
  renew(): Promise<Svid> {
    this.#attempt ??= this.#run().finally(() => {
      this.#attempt = null
    })
    return this.#attempt
  }

  stop(): void {
    this.#alarm.clear()
    this.#keyAlarm.clear()
    this.#stopped.abort(new IdentityError('identity_closed', 'the identity was closed'))
  }

  async #run(): Promise<Svid> {
    this.#alarm.clear()
    const { time } = this.#ports
    const { signal } = this.#stopped
    const early = this.#notBefore - time.monotonic()
    if (early > 0) await pause(time, early, signal)
    try {
      signal.throwIfAborted()
      if (this.#pending === null || opensNothing(this.#pending)) this.#pending = await this.#prepare()
      return this.#succeed(await send(this.#pending, this.#ttlSec, { ...this.#ports, signal }))
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      const error = asIdentityError(cause)
      this.#fail(error)
      throw error
    }
  }

  async #prepare(): Promise<Pending> {
    const { keys, opening } = this.#ports
    keys.prepare()
    if (this.#svid === null || this.#needsToken) return opening.begin(keys)
    return makePending({ svid: this.#svid }, await keys.take())
  }

  #succeed({ svid, renewAt }: Renewed): Svid {
    if (this.#svid !== null && !this.#svid.id.equals(svid.id))
      throw new IdentityError('identity_changed', `expected a certificate for ${this.#svid.id}, got one for ${svid.id}`)
    this.#svid = svid
    this.#pending = null
    this.#needsToken = false
    this.#tokensRefused = 0
    this.#failures = 0
    this.#notBefore = 0
    this.#schedule(renewAt)
    this.#listener.onRenewed(svid)
    return svid
  }

  #schedule(renewAt: number): void {
    // Both are set now: a clock that is set back in between must not put the second one off.
    this.#keyAlarm.set(renewAt - KEY_LEAD_MS, () => this.#ports.keys.prepare())
    this.#alarm.set(renewAt, () => this.#renewQuietly())
  }

  /** Its failure was told already. */
  #renewQuietly(): void {
    this.renew().catch(() => {})
  }

  #fail(error: IdentityError): void {
    this.#failures++
    if (this.#digest(verdictOn(error)) === 'lost') {
      this.#tokensRefused = 0
      this.#listener.onLost(error)
      return
    }
    const { time, random } = this.#ports
    if (error.retryAfter !== null) this.#notBefore = time.monotonic() + error.retryAfter
    const retryAt = time.now() + Math.max(backoff(this.#failures, random), this.#notBefore - time.monotonic())
    this.#alarm.set(retryAt, () => this.#renewQuietly())
    this.#listener.onFailing(error, retryAt, this.#failures)
  }

  /** Draws the consequences of a refusal. */
  #digest(verdict: Verdict): 'again' | 'lost' {
    switch (verdict) {
      case 'retry':
        return 'again'
      case 'without-ttl': {
        // The tier was lowered: what it allows now is less than what was asked for.
        const asked = this.#ttlSec !== undefined
        this.#ttlSec = undefined
        return asked ? 'again' : 'lost'
      }
      case 'new-key':
        this.#pending = null
        return 'again'
      case 'new-token':
        return this.#needToken()
      case 'give-up':
        this.#pending = null
        return 'lost'
    }
  }

  #needToken(): 'again' | 'lost' {
    if (this.#pending !== null && !('svid' in this.#pending.credential)) this.#tokensRefused++
    this.#pending = null
    this.#needsToken = true
    return this.#ports.opening.renewable && this.#tokensRefused < MAX_TOKENS ? 'again' : 'lost'
  }
}

/** Where a provider's token has opened nothing yet, there may be a fresher one by now. */
function opensNothing({ credential }: Pending): boolean {
  return credential instanceof Voucher && !credential.opened
}
