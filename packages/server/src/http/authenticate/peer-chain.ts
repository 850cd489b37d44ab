import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { BoundedMap, Certificate, type ForwardedChain, ProtocolError } from '@lanyard/protocol'

/** What a client presented: the leaf, whose key it proved, and the certificates that it sent along. */
export interface PeerChain {
  /** The leaf first, at most {@link MAX_CHAIN}; or what is wrong with one of them. */
  readonly certificates: readonly [Certificate, ...Certificate[]] | ProtocolError
  /** No honest client sends this: too long, or with keys that exist to make their verification dear. */
  readonly hostile: boolean
}

/** More than any company has between leaf and root. Ours have one. */
const MAX_CHAIN = 8
/** A subjectPublicKeyInfo with 4,096 bits of RSA has 550 bytes; DSA begins at twice that. */
const MAX_KEY_BYTES = 600
const MAX_EXPONENT = 2n ** 32n - 1n
/** Intermediates that are kept parsed. We have one or two at a time. */
const MAX_KEPT = 32

/** Reads the chains of connections whose handshake is over. */
export class PeerChains {
  readonly #kept = new BoundedMap<string, Certificate>(MAX_KEPT)

  /** What the client presented; null without a certificate. */
  read(socket: TLSSocket): PeerChain | null {
    const leaf = socket.getPeerX509Certificate()
    if (leaf === undefined) return null
    const chain = [leaf]
    for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
      if (chain.push(next) > MAX_CHAIN) return { certificates: TOO_LONG, hostile: true }
    }
    const certificates = this.#parse(chain.map(({ raw }) => raw))
    const modest = certificates instanceof ProtocolError ? chain.every(isModestKey) : certificates.every(isModest)
    return { certificates, hostile: !modest }
  }

  /** The same of what somebody else says that a client presented to it. */
  ofDer(chain: ForwardedChain): PeerChain {
    if (chain.length > MAX_CHAIN) return { certificates: TOO_LONG, hostile: true }
    const certificates = this.#parse(chain)
    // What cannot be read costs nothing here: no other parser has taken it before.
    return { certificates, hostile: !(certificates instanceof ProtocolError) && !certificates.every(isModest) }
  }

  #parse([leaf, ...rest]: readonly Uint8Array[]): PeerChain['certificates'] {
    try {
      return [Certificate.fromDer(leaf!), ...rest.map(der => this.#intermediate(der))]
    } catch (error) {
      if (error instanceof ProtocolError) return error
      throw error
    }
  }

  // The same object for the same bytes, so that its signature is verified once. The oldest leaves first.
  #intermediate(der: Uint8Array): Certificate {
    const bytes = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1')
    const known = this.#kept.get(bytes)
    if (known) return known
    const certificate = Certificate.fromDer(der)
    this.#kept.set(bytes, certificate)
    return certificate
  }
}

const TOO_LONG = new ProtocolError('chain_too_deep', `expected at most ${MAX_CHAIN} certificates`)

// A 2,047-bit exponent makes one verification a hundred times dearer than 65537 does, DSA of 10,000 bits more still.
const isModest = ({ publicKey: { der, exponent = 0n } }: Certificate) =>
  der.length <= MAX_KEY_BYTES && exponent <= MAX_EXPONENT

/** The same of what strict DER refuses and OpenSSL took, so that a quirk in the encoding is no way around. */
function isModestKey(certificate: X509Certificate): boolean {
  try {
    const { publicKey } = certificate
    const { publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {}
    return publicKey.export({ format: 'der', type: 'spki' }).length <= MAX_KEY_BYTES && publicExponent <= MAX_EXPONENT
  } catch {
    // A key that OpenSSL cannot read has cost nothing.
    return true
  }
}
