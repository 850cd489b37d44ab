import type { IdentityError } from '../errors.ts'
import type { Svid } from './svid.ts'

/** Where an identity has its certificates from, and who keeps them fresh. */
export interface SvidSource {
  /** Gets a certificate now; joins an attempt that is under way. Throws IdentityError. */
  renew(): Promise<Svid>
  stop(): void
}

/** What a source tells. */
export interface SvidListener {
  onRenewed(svid: Svid): void
  /** It failed, and will try again at `retryAt` (Unix milliseconds). */
  onFailing(error: IdentityError, retryAt: number, failures: number): void
  /** It gives no certificate any more, and the present one shall not be used. A further `onRenewed` gives it again. */
  onWithdrawn(error: IdentityError): void
  /** It failed and will not try again by itself. */
  onLost(error: IdentityError): void
}

/** Whoever listens while nobody does. */
export const NOBODY: SvidListener = { onRenewed() {}, onFailing() {}, onWithdrawn() {}, onLost() {} }
