import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export interface RelayEvents {
  /** The request ended, in whatever way; the connection may be used again unless it is gone. */
  done(): void
  /**
   * The request failed without an answer; `sent` tells whether a byte of it may have left. True when it is tried again:
   * then the handler hears nothing of this failure.
   */
  failed(error: Error, sent: boolean): boolean
  /** Makes an error that the caller understands of one that came before any answer. */
  explain(error: Error): Error
}

/** A controller that stays the same for the handler while its request moves to another connection. */
export class StableController implements Dispatcher.DispatchController {
  #current: Dispatcher.DispatchController | null = null

  /** Whether a handler has it already. */
  get given(): boolean {
    return this.#current !== null
  }

  follow(controller: Dispatcher.DispatchController): this {
    this.#current = controller
    return this
  }

  get aborted(): boolean {
    return this.#current?.aborted ?? false
  }

  get paused(): boolean {
    return this.#current?.paused ?? false
  }

  get reason(): Error | null {
    return this.#current?.reason ?? null
  }

  get rawHeaders(): Buffer[] | string[] | IncomingHttpHeaders | null {
    return this.#current?.rawHeaders ?? null
  }

  get rawTrailers(): Buffer[] | string[] | IncomingHttpHeaders | null {
    return this.#current?.rawTrailers ?? null
  }

  abort(reason: Error): void {
    this.#current?.abort(reason)
  }

  pause(): void {
    this.#current?.pause()
  }

  resume(): void {
    this.#current?.resume()
  }
}

type Handler = Dispatcher.DispatchHandler
type Controller = Dispatcher.DispatchController

/** Passes what happens to a request on one connection to its handler, unless the request is tried on another one. */
export class Relay implements Handler {
  readonly #handler: Handler
  readonly #controller: StableController
  readonly #events: RelayEvents
  #sent = false
  #answered = false

  constructor(handler: Handler, controller: StableController, events: RelayEvents) {
    this.#handler = handler
    this.#controller = controller
    this.#events = events
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#sent = true
    const again = this.#controller.given
    this.#controller.follow(controller)
    if (!again) this.#handler.onRequestStart?.(this.#controller, context)
  }

  onRequestUpgrade(...[, ...details]: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#answered = true
    this.#handler.onRequestUpgrade?.(this.#controller, ...details)
    this.#events.done()
  }

  onResponseStarted(): void {
    this.#answered = true
    this.#handler.onResponseStarted?.()
  }

  onResponseStart(...[, ...details]: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    this.#answered = true
    this.#handler.onResponseStart?.(this.#controller, ...details)
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(this.#controller, chunk)
  }

  onResponseEnd(...[, ...details]: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(this.#controller, ...details)
    this.#events.done()
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#events.done()
    if (!this.#answered && !this.#controller.aborted && this.#events.failed(error, this.#sent)) return
    this.#handler.onResponseError?.(this.#controller, this.#answered ? error : this.#events.explain(error))
  }

  onBodySent(chunk: Buffer): void {
    this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }
}
