import { isStorable, LanyardError } from '@lanyard/api'
import { type BindeeState, isoTime } from '@lanyard/authority'
import {
  type Certificate,
  type Crypto,
  distinguishedName,
  jwkFromSpki,
  jwkThumbprint,
  ProtocolError,
  requireKeyLimits,
  verifyChain,
} from '@lanyard/protocol'
import type { PeerChain } from './peer-chain.ts'
import { rememberSignatures } from './remembered.ts'

/** What the certificate of an operator proves by itself. */
export interface OperatorProof {
  /** RFC 4514; where there is none, the names in place of it. */
  readonly name: string
  readonly bindees: readonly BindeeState[]
  /** RFC 7638, base64url. */
  readonly keyThumbprint: string
  /** Unix milliseconds: its own `notBefore`. */
  readonly beginsAt: number
  /** Unix milliseconds: of the first in the chain that ends. */
  readonly endsAt: number
}

interface Parts {
  readonly crypto: Crypto
  readonly roots: readonly Certificate[]
  readonly trustDomain: string
}

/** Names that one certificate can be known by. */
const NAMES_MAX = 32

/** Judges chains against the operators' authority, once for each connection. */
export class OperatorCertificates {
  readonly #parts: Parts
  readonly #proofs = new WeakMap<PeerChain, OperatorProof>()

  constructor(parts: Parts) {
    this.#parts = { ...parts, crypto: rememberSignatures(parts.crypto) }
  }

  /** What the chain proves at `at` (Unix ms). Throws `certificate_untrusted`, `certificate_expired`. */
  of(peer: PeerChain, at: number): OperatorProof {
    const proof = this.#proofs.get(peer) ?? this.#proved(peer, at)
    this.#proofs.set(peer, proof)
    if (at < proof.endsAt) return proof
    throw new LanyardError('certificate_expired', 'the certificate of this operator has ended', {
      server_time: isoTime(at),
    })
  }

  #proved({ certificates }: PeerChain, at: number): OperatorProof {
    const { crypto, roots, trustDomain } = this.#parts
    try {
      if (certificates instanceof ProtocolError) throw certificates
      const [leaf, ...intermediates] = certificates
      requireClient(leaf)
      const time = Math.floor(at / 1000)
      const path = verifyChain({ leaf, intermediates, roots, at: time, purpose: 'clientAuth' }, crypto)
      if (path.length < 2) throw untrusted('expected a certificate under the authority, got its own')
      const names = namesOf(leaf, trustDomain)
      const [name] = names
      if (name === undefined) throw untrusted('expected a subject, or names in the certificate')
      return {
        name,
        bindees: names.map(value => ({ kind: 'certificate', issuer: null, value })),
        keyThumbprint: jwkThumbprint(jwkFromSpki(leaf.publicKey.der), crypto),
        beginsAt: leaf.notBefore * 1000,
        // Both ends count (RFC 5280, 4.1.2.5).
        endsAt: (Math.min(...path.map(({ notAfter }) => notAfter)) + 1) * 1000,
      }
    } catch (error) {
      throw error instanceof ProtocolError ? refusalOf(error, at) : error
    }
  }
}

/** A CA is nobody's client, and what is for all purposes is for none. */
function requireClient({ publicKey, basicConstraints, extendedKeyUsage }: Certificate): void {
  requireKeyLimits(publicKey)
  if (basicConstraints?.ca) throw untrusted('expected the certificate of an operator, got that of an authority')
  if (extendedKeyUsage === undefined) throw untrusted('expected clientAuth among the purposes, got none')
}

/** As bindings name it, the subject first. A SPIFFE ID of ours is proved by an SVID of ours alone. */
function namesOf({ subject, subjectAltName }: Certificate, trustDomain: string): readonly string[] {
  const { dns = [], uri = [], email = [] } = subjectAltName ?? {}
  const own = `spiffe://${trustDomain}`
  const foreign = uri.filter(text => text !== own && !text.startsWith(`${own}/`))
  const names = [
    ...(subject.isEmpty ? [] : [`dn:${distinguishedName(subject)}`]),
    ...dns.map(text => `dns:${text.toLowerCase()}`),
    ...foreign.map(text => `uri:${text}`),
    ...email.map(text => `email:${text}`),
  ]
  if (names.length > NAMES_MAX) throw untrusted(`expected at most ${NAMES_MAX} names, got ${names.length}`)
  // What no binding can say is no name.
  return names.filter(text => text.length <= 1024 && isStorable(text))
}

const untrusted = (detail: string) => new LanyardError('certificate_untrusted', detail)

function refusalOf(error: ProtocolError, at: number): LanyardError {
  const detail = `${error.code}: ${error.message}`
  if (error.code !== 'certificate_expired') return untrusted(detail)
  return new LanyardError('certificate_expired', detail, { server_time: isoTime(at) })
}
