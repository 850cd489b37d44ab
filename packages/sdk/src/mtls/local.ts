import type { BundleSource, SpiffeId } from '@lanyard/protocol'
import type { IdentityError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'
import type { Carrier } from './carrier.ts'
import type { Sessions } from './session.ts'

/** This end of every connection: what the TLS side needs to know of the identity. */
export interface Local {
  readonly id: SpiffeId
  /** The newest certificate, whether or not it has ended. */
  readonly svid: Svid
  /** Public keys of the trust domains that peers may come from. */
  readonly bundles: BundleSource
  readonly sessions: Sessions
  /** Says who is alive, and whether that is known. */
  readonly guard: Guard
  readonly time: TimeSource
  /** How connections come about. */
  readonly carrier: Carrier
  /** The newest certificate; when it has ended, waits for a renewal. Throws `identity_expired`, `identity_closed`. */
  usable(): Promise<Svid>
  /** Tells of each new certificate, until the function returned is called. */
  onRenewed(listener: () => void): () => void
  /** Tells of a peer that was refused. */
  refused(error: IdentityError, socket: { readonly remoteAddress?: string | undefined }): void
}
