import { IdentityError, type SdkCode } from '../errors.ts'
import type { TimeSource } from '../time.ts'
import type { SvidListener, SvidSource } from './source.ts'
import type { Svid } from './svid.ts'

const START_TIMEOUT_MS = 60_000

/** How long a start may take. */
export interface StartOptions {
  /** How long the first certificate may take, in milliseconds; a minute when absent. */
  readonly startTimeoutMs?: number | undefined
  /** Gives up the start. */
  readonly signal?: AbortSignal | undefined
  readonly time: TimeSource
  /** Codes that at the start are mistakes in the options, not weather; waiting would only hide them. */
  readonly atOnce: ReadonlySet<string>
  /** Whoever did not answer at all. */
  readonly silent: SdkCode
}

/** A source that tells one listener, which may be another one later. */
export interface Attachable extends SvidSource {
  attach(listener: SvidListener): this
}

/**
 * The first certificate of a source, which is tried again for as long as there is hope.
 *
 * @throws IdentityError, and the reason of the signal
 */
export function firstSvid(source: Attachable, options: StartOptions): Promise<Svid> {
  const { signal, startTimeoutMs = START_TIMEOUT_MS, time, atOnce, silent } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    let last = new IdentityError(silent, `expected a certificate within ${startTimeoutMs} ms`)
    const settled = () => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      settled()
      reject(error)
    }
    const onAbort = () => fail(signal?.reason)
    // Held, so that a program which does nothing but wait for its identity does not end meanwhile.
    const cancel = time.after(startTimeoutMs, () => fail(last), { hold: true })
    signal?.addEventListener('abort', onAbort, { once: true })
    source.attach({
      onRenewed: svid => {
        settled()
        resolve(svid)
      },
      onFailing: error => {
        last = error
        if (atOnce.has(error.code)) fail(error)
      },
      onWithdrawn: () => {},
      onLost: fail,
    })
    source.renew().catch(() => {})
  })
}
