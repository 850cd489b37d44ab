import type { KeyObject, X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** What a client presented: the leaf, whose key it proved, and the certificates that it sent along. */
export interface PeerChain {
  /** DER, the leaf first. At most {@link MAX_CHAIN} are kept. */
  readonly ders: readonly Uint8Array[]
  /** No honest client sends this: too long, or with keys that exist to make their verification dear. */
  readonly hostile: boolean
}

/** A leaf and three intermediates. Ours have one. */
const MAX_CHAIN = 4

/** The chain of a connection whose handshake is over; null where the client presented none. */
export function readPeerChain(socket: TLSSocket): PeerChain | null {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return null
  const chain: X509Certificate[] = []
  let next: X509Certificate | undefined = leaf
  while (next !== undefined && chain.length <= MAX_CHAIN) {
    chain.push(next)
    next = next.issuerCertificate
  }
  const hostile = chain.length > MAX_CHAIN || !chain.every(certificate => isModest(keyOf(certificate)))
  return { ders: chain.slice(0, MAX_CHAIN).map(certificate => certificate.raw), hostile }
}

/** A key that OpenSSL cannot read has cost nothing: verification ended there. */
function keyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey
  } catch {
    return null
  }
}

// A 2,047-bit exponent makes one verification a hundred times dearer than 65537 does, DSA of 10,000 bits more still.
function isModest(key: KeyObject | null): boolean {
  if (key === null) return true
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const { modulusLength = Number.POSITIVE_INFINITY, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
      return modulusLength <= 4096 && publicExponent < 2n ** 32n
    }
    case 'ec':
    case 'ed25519':
    case 'ed448':
      return true
    default:
      return false
  }
}
