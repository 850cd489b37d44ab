import type { Socket } from 'node:net'
import { Bundle, type SpiffeId } from '@lanyard/protocol'
import { certificatesOf } from '../client/certificates.ts'
import { asIdentityError, IdentityError } from '../errors.ts'
import type { GuardStanding } from '../guard/guard.ts'
import { backoff } from '../identity/backoff.ts'
import type { Attachable } from '../identity/first.ts'
import { Question } from '../identity/question.ts'
import { NOBODY, type SvidListener } from '../identity/source.ts'
import { Svid } from '../identity/svid.ts'
import { trustDomainOf } from '../workload-api/bundles.ts'
import type { Place } from '../workload-api/options.ts'
import { sound } from '../workload-api/x509-context.ts'
import { askProxy } from './join.ts'
import { eachLine, errorFrom, parseAnswer } from './lines.ts'
import type { IdentityLine } from './wire.ts'

type TellStanding = (standing: GuardStanding, error: IdentityError | null) => void

/** An identity whose key stays with the daemon: its certificate is followed here, so that it is known who one is. */
export class DaemonSource implements Attachable {
  readonly #place: Place
  readonly #hint: string | null
  #id: SpiffeId | null
  #listener: SvidListener = NOBODY
  readonly #onGiven = new Set<() => void>()
  #tellStanding: TellStanding = () => {}
  #standing: GuardStanding = 'catching-up'
  #socket: Socket | null = null
  #cancelWait = () => {}
  #failures = 0
  #stopped = false
  #current: Svid | null = null
  /** Why it is taken back. */
  #refusal: IdentityError | null = null
  readonly #question: Question

  constructor(place: Place, { id, hint }: { readonly id: SpiffeId | null; readonly hint: string | null }) {
    this.#place = place
    this.#question = new Question(place.time)
    this.#id = id
    this.#hint = hint
  }

  attach(listener: SvidListener): this {
    this.#listener = listener
    return this
  }

  /** Tells how well the daemon knows who is alive: at once, and at each change. */
  onStanding(tell: TellStanding): void {
    this.#tellStanding = tell
    tell(this.#standing, null)
  }

  /** Calls whenever the daemon gives the identity, anew or again. */
  onGiven(listener: () => void): void {
    this.#onGiven.add(listener)
  }

  /** What there is: the daemon tells of each change by itself. Where it is away it is asked anew, now. */
  renew(): Promise<Svid> {
    const isKnown = this.#socket !== null && !this.#question.isOpen
    if (isKnown && this.#refusal !== null) return Promise.reject(this.#refusal)
    if (isKnown && this.#current !== null) return Promise.resolve(this.#current)
    return this.#question.ask(() => {
      this.#cancelWait()
      if (this.#socket === null) void this.#open()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancelWait()
    this.#socket?.destroy()
    this.#question.end()
  }

  async #open(): Promise<void> {
    try {
      const request = { do: 'identity', id: this.#id === null ? null : `${this.#id}`, hint: this.#hint } as const
      const socket = await askProxy(this.#place, request)
      if (this.#stopped) return void socket.destroy()
      this.#follow(socket)
    } catch (error) {
      this.#failed(asIdentityError(error))
    }
  }

  #follow(socket: Socket): void {
    this.#socket = socket
    socket.unref()
    let why = new IdentityError('workload_api_unreachable', 'the daemon closed the connection')
    eachLine(socket, text => {
      if (socket !== this.#socket) return
      try {
        this.#take(parseAnswer<IdentityLine>(text, []))
      } catch (error) {
        why = asIdentityError(error)
        throw error
      }
    })
    socket.once('close', () => {
      if (socket !== this.#socket) return
      this.#socket = null
      if (!this.#stopped) this.#failed(why)
    })
  }

  #take({ given, standing, refused, unavailable }: IdentityLine): void {
    if (standing !== undefined) this.#stand(standing, null)
    if (given !== undefined) this.#renewed(sound(() => svidOf(given)))
    if (refused !== undefined) this.#refused(errorFrom(refused))
    if (unavailable !== undefined) this.#listener.onFailing(errorFrom(unavailable), this.#place.time.now(), 1)
  }

  #renewed(svid: Svid): void {
    if (this.#id !== null && !svid.id.equals(this.#id))
      throw new IdentityError('identity_changed', `expected a certificate for ${this.#id}, got one for ${svid.id}`)
    this.#id = svid.id
    this.#current = svid
    this.#refusal = null
    this.#failures = 0
    this.#listener.onRenewed(svid)
    for (const listener of this.#onGiven) listener()
    this.#question.answer(svid)
  }

  #refused(error: IdentityError): void {
    this.#refusal = error
    if (this.#current === null) this.#listener.onFailing(error, this.#place.time.now(), 1)
    else this.#listener.onWithdrawn(error)
    this.#question.refuse(error)
  }

  /** Without the daemon nothing passes; there is no news either. */
  #failed(error: IdentityError): void {
    this.#stand('stale', error)
    const { time } = this.#place
    const wait = backoff(++this.#failures, Math.random)
    this.#cancelWait = time.after(wait, () => void this.#open())
    this.#listener.onFailing(error, time.now() + wait, this.#failures)
    this.#question.refuse(error)
  }

  #stand(standing: GuardStanding, error: IdentityError | null): void {
    this.#standing = standing
    this.#tellStanding(standing, error)
  }
}

function svidOf({ certificate, chain, bundle, federated }: NonNullable<IdentityLine['given']>): Svid {
  const others = Object.entries(federated).map(([name, pem]) =>
    Bundle.of({ trustDomain: trustDomainOf(name), x509Authorities: pem === '' ? [] : certificatesOf(pem) }),
  )
  return Svid.of({ certificate, chain, bundle, privateKey: null, federated: others })
}
