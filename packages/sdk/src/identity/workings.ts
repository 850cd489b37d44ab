import process from 'node:process'
import type { Server as TlsServer } from 'node:tls'
import type { Ask } from '../client/services.ts'
import { IdentityError } from '../errors.ts'
import { requireAuthorizer } from '../guard/authorizer.ts'
import { Door } from '../guard/door.ts'
import { askWith, type GuardPorts, guardFor } from '../guard/for-identity.ts'
import { Withdrawable } from '../guard/withdrawable.ts'
import { type Carrier, ownKeys } from '../mtls/carrier.ts'
import type { Local } from '../mtls/local.ts'
import { Pool } from '../mtls/pool.ts'
import { Sessions } from '../mtls/session.ts'
import type { TimeSource } from '../time.ts'
import { Announcements } from './announcements.ts'
import type { AllowChoice } from './choices.ts'
import type { IdentityEvents } from './events.ts'
import { type CommonOptions, timeOf } from './options.ts'
import { Own } from './own.ts'
import type { SvidListener } from './source.ts'
import type { Started } from './start.ts'
import type { Svid } from './svid.ts'

/** Emits an event of the identity; false: nobody listens. */
export type Emit = (name: keyof IdentityEvents, ...details: unknown[]) => boolean

/** What an identity is made of, and what happens when one of its parts has something to tell. */
export class Workings {
  readonly own: Own
  readonly guard: Withdrawable
  readonly ask: Ask
  readonly sessions: Sessions
  readonly announcements: Announcements
  readonly local: Local
  readonly pool: Pool
  readonly carrier: Carrier
  readonly #emit: Emit
  #toldUnguarded = false

  constructor({ svid, attach, keeper }: Started, options: CommonOptions, authority: URL | null, emit: Emit) {
    const time = timeOf(options)
    this.#emit = emit
    this.own = new Own(svid, time)
    this.carrier = keeper?.carrier ?? ownKeys(time)
    const ports = this.#guardPorts(time)
    const inner = keeper?.guard(ports) ?? guardFor(authority, options, ports)
    this.guard = new Withdrawable(inner)
    this.ask = askWith(inner, authority, ports)
    this.announcements = new Announcements(this.ask, time, error => this.#tell('unannounced', error))
    this.sessions = new Sessions(this.guard)
    this.own.attach(attach(this.#listener()))
    this.local = this.#makeLocal(time)
    this.pool = new Pool(this.local)
  }

  /** Puts the door before a server, and keeps its certificate fresh. Throws TypeError, IdentityError `keys_elsewhere`. */
  guarded<S extends TlsServer>(server: S, { allow, via, bestEffort }: AllowChoice): S {
    const options = { allow: requireAuthorizer(allow, 'allow'), bestEffort }
    const keyless = this.carrier.serverOptions(this.own.svid) === null
    if (keyless && (via ?? bestEffort) !== undefined) return keysElsewhere('via and bestEffort')
    Door.install(this.local, via === undefined ? options : { ...options, via: requireAuthorizer(via, 'via') }, server)
    this.guard.begin(bestEffort !== undefined)
    const renew = () => server.setSecureContext(this.carrier.serverOptions(this.own.svid)!)
    if (!keyless) server.once('close', this.local.onRenewed(renew))
    return server
  }

  /** Ends everything but servers, which are closed by whoever opened them. */
  async close(): Promise<void> {
    this.own.close()
    this.pool.destroy()
    this.sessions.destroy()
    await this.announcements.withdraw()
    this.guard.stop()
  }

  #makeLocal(time: TimeSource): Local {
    const own = this.own
    return {
      get id() {
        return own.svid.id
      },
      get svid() {
        return own.svid
      },
      bundles: trustDomain => own.svid.bundles(trustDomain),
      sessions: this.sessions,
      guard: this.guard,
      time,
      carrier: this.carrier,
      usable: () => own.usable(),
      onRenewed: listener => own.onRenewed(listener),
      refused: (error, { remoteAddress }) => this.#tell('refused', { error, remoteAddress }),
    }
  }

  #guardPorts(time: TimeSource): GuardPorts {
    return {
      time,
      random: Math.random,
      svid: () => this.own.svid,
      turned: (standing, error) => this.#tell('liveness', { standing, error }),
      cut: ({ peer, side, dead }) => this.#tell('cut', { peer, side, dead: dead! }),
      // What the authority says to that is what a person must know.
      died: () => void this.own.renew().catch(() => {}),
      unguarded: () => this.#tellUnguarded(),
    }
  }

  #listener(): SvidListener {
    const validUntil = () => new Date((this.own.svid.notAfter + 1) * 1000)
    return {
      onRenewed: svid => this.#renewed(svid),
      onWithdrawn: error => this.#withdrawn(error),
      onFailing: (error, retryAt, failures) =>
        this.#tell('failing', { error, failures, retryAt: new Date(retryAt), validUntil: validUntil() }),
      onLost: error => this.#tell('lost', { error, code: error.code, remedy: error.remedy, validUntil: validUntil() }),
    }
  }

  #renewed(svid: Svid): void {
    const isNew = svid.serial !== this.own.svid.serial || this.guard.withdrawn
    this.guard.restore()
    this.own.take(svid)
    this.guard.renewed()
    this.sessions.endUntrusted(svid.bundles)
    if (isNew) this.#tell('renewed', svid)
  }

  #withdrawn(cause: IdentityError): void {
    const why = new IdentityError('identity_withdrawn', `${this.own.svid.id} was taken back: ${cause.code}`, { cause })
    this.guard.withdraw(why)
    for (const session of [...this.sessions]) session.end(why)
    this.#tell('withdrawn', { error: cause, code: cause.code })
  }

  /** In a turn of its own: what a listener throws must not end a renewal or open a door. */
  #tell<Name extends keyof IdentityEvents>(name: Name, ...details: IdentityEvents[Name]): void {
    queueMicrotask(() => this.#emit(name, ...details))
  }

  #tellUnguarded(): void {
    if (this.#toldUnguarded) return
    this.#toldUnguarded = true
    queueMicrotask(() => {
      if (this.#emit('unguarded')) return
      const message = `${this.own.svid.id} serves without hearing of kills: give the option authority, or liveness: false`
      process.emitWarning(message, { code: 'LANYARD_UNGUARDED' })
    })
  }
}

/** Refuses what cannot be done without the private key. */
export function keysElsewhere(what: string): never {
  throw new IdentityError('keys_elsewhere', `expected nothing that needs the private key here, got ${what}`)
}
