import type { Dispatcher } from 'undici'

export interface RelayEvents {
  /** The request ended, in whatever way; the connection may be used again unless it is gone. */
  done(): void
  /** The request failed before a byte of it was sent; nothing was told to the handler. */
  unsent(error: Error): void
  /** Makes an error that the caller understands of one that came before any answer. */
  explain(error: Error): Error
}

/** Passes what happens to a request on to its handler, except a failure from before it was sent. */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler
  readonly #events: RelayEvents
  #started = false
  #answered = false

  constructor(handler: Dispatcher.DispatchHandler, events: RelayEvents) {
    this.#handler = handler
    this.#events = events
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#started = true
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>): void {
    this.#answered = true
    this.#handler.onRequestUpgrade?.(...args)
    this.#events.done()
  }

  onResponseStarted(): void {
    this.#answered = true
    this.#handler.onResponseStarted?.()
  }

  onResponseStart(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.#answered = true
    this.#handler.onResponseStart?.(...args)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...args)
    this.#events.done()
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#started) {
      this.#handler.onResponseError?.(controller, this.#answered ? error : this.#events.explain(error))
      this.#events.done()
    } else this.#events.unsent(error)
  }

  onBodySent(chunk: Buffer): void {
    this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }
}
