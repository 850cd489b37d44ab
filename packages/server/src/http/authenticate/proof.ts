import { LanyardError, MAX_GRACE_SEC } from '@lanyard/api'
import { isoTime } from '@lanyard/authority'
import {
  type Bundle,
  type BundleSource,
  type Crypto,
  jwkFromSpki,
  jwkThumbprint,
  ProtocolError,
  toHex,
  verifyX509Svid,
} from '@lanyard/protocol'
import type { PeerChain } from './peer-chain.ts'
import { rememberSignatures } from './remembered.ts'

/** What a client certificate proves by itself: who was certified, not whether that still counts. */
export interface Proof {
  readonly spiffeId: string
  /** Hex of the issuer's subject key identifier. */
  readonly issuerKeyId: string
  readonly serial: string
  /** RFC 7638, base64url. */
  readonly keyThumbprint: string
  /** Unix seconds, counted in. */
  readonly notAfter: number
}

/** Judges chains against one trust domain's bundle, once for each connection. */
export class Proofs {
  readonly #crypto: Crypto
  readonly #bundle: () => Bundle
  readonly #proofs = new WeakMap<PeerChain, { readonly bundle: Bundle; readonly proof: Proof }>()

  constructor(crypto: Crypto, bundle: () => Bundle) {
    this.#crypto = rememberSignatures(crypto)
    this.#bundle = bundle
  }

  /**
   * What the chain proves at `at` (Unix ms). A certificate that has ended within the last day is still proved: whether it
   * may do anything is decided at each request. Throws `certificate_untrusted`, `certificate_expired`.
   */
  of(chain: PeerChain, at: number): Proof {
    const bundle = this.#bundle()
    const known = this.#proofs.get(chain)
    if (known?.bundle === bundle) return known.proof
    try {
      const proof = this.#prove(chain, bundle, Math.floor(at / 1000))
      this.#proofs.set(chain, { bundle, proof })
      return proof
    } catch (error) {
      throw error instanceof ProtocolError ? refusalOf(error, chain, at) : error
    }
  }

  #prove({ certificates }: PeerChain, bundle: Bundle, at: number): Proof {
    if (certificates instanceof ProtocolError) throw certificates
    const [leaf] = certificates
    const bundles: BundleSource = trustDomain => (trustDomain.equals(bundle.trustDomain) ? bundle : undefined)
    const request = { chain: certificates, bundles, at, purpose: 'clientAuth', notAfterGrace: MAX_GRACE_SEC } as const
    const { id, path } = verifyX509Svid(request, this.#crypto)
    const issuer = path[1]?.subjectKeyId
    if (issuer === undefined) throw new ProtocolError('chain_untrusted', 'expected an issuer with a key identifier')
    return {
      spiffeId: id.toString(),
      issuerKeyId: toHex(issuer),
      serial: leaf.serialHex,
      keyThumbprint: jwkThumbprint(jwkFromSpki(leaf.publicKey.der), this.#crypto),
      notAfter: leaf.notAfter,
    }
  }
}

function refusalOf(error: ProtocolError, { certificates }: PeerChain, at: number): LanyardError {
  const detail = `${error.code}: ${error.message}`
  if (error.code !== 'certificate_expired') return new LanyardError('certificate_untrusted', detail)
  const late = certificates instanceof ProtocolError ? 0 : Math.ceil(at / 1000 - certificates[0].notAfter - 1)
  return new LanyardError('certificate_expired', detail, {
    server_time: isoTime(at),
    // It may be an intermediate that has ended.
    ...(late > 0 ? { skew_sec: late } : {}),
  })
}
