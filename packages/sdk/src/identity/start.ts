import { Authority } from '../client/authority.ts'
import { IdentityError } from '../errors.ts'
import { KeySource } from './keys.ts'
import { checkTokenOptions, type TokenOptions, timeOf } from './options.ts'
import { Renewal } from './renewal.ts'
import type { SvidListener } from './source.ts'
import type { Svid } from './svid.ts'
import { TokenSource } from './token-source.ts'

const START_TIMEOUT_MS = 60_000
/** At the start these are mistakes in the options, not weather; waiting would only hide them. */
const AT_ONCE: ReadonlySet<string> = new Set(['authority_untrusted', 'fingerprint_mismatch', 'token_unavailable'])

/** A first certificate, and the renewal that goes on from it: it tells whoever is attached. */
export interface Started {
  readonly svid: Svid
  readonly attach: (listener: SvidListener) => Renewal
}

/**
 * Gets the first certificate, and tries again while the authority cannot be reached.
 *
 * @throws IdentityError, TypeError
 */
export async function start(options: TokenOptions): Promise<Started> {
  checkTokenOptions(options)
  const time = timeOf(options)
  const renewal = new Renewal({
    authority: new Authority({ ...options, time }),
    keys: new KeySource(options.keyType ?? 'RSA-2048'),
    tokens: new TokenSource(options.token),
    time,
    random: Math.random,
    ttlSec: options.ttlSec,
  })
  try {
    const svid = await first(renewal, options)
    return { svid, attach: listener => renewal.attach(listener) }
  } catch (error) {
    renewal.stop()
    throw error
  }
}

function first(renewal: Renewal, options: TokenOptions): Promise<Svid> {
  const { signal, startTimeoutMs = START_TIMEOUT_MS } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    let last = new IdentityError('authority_unreachable', `expected a certificate within ${startTimeoutMs} ms`)
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
    const cancel = timeOf(options).after(startTimeoutMs, () => fail(last), { hold: true })
    signal?.addEventListener('abort', onAbort, { once: true })
    renewal.attach({
      onRenewed: svid => {
        settled()
        resolve(svid)
      },
      onFailing: error => {
        last = error
        if (AT_ONCE.has(error.code)) fail(error)
      },
      onLost: fail,
    })
    renewal.renew().catch(() => {})
  })
}
