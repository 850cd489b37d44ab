import { LanyardError } from '@lanyard/api'
import {
  Certificate,
  type Crypto,
  decodePem,
  ProtocolError,
  type PublicKeyInfo,
  requireKeyLimits,
  signatureAlgorithmFor,
  type TrustDomain,
  toHex,
  verifyChain,
} from '@lanyard/protocol'
import { requireName } from '../names.ts'
import type { X509PopSettings } from './settings.ts'

/** Names of nodes that attest so; nobody else's. */
export const X509POP_PREFIX = 'x509pop-'
/** Leaf and intermediates that a machine may show. */
const CERTIFICATES_MAX = 8

/** A machine certificate that leads to one of the configured authorities. Nothing proves that its key is here. */
export interface Machine {
  readonly leaf: Certificate
  /** Of the node that it becomes, by its key: a renewed certificate is the same machine. */
  readonly name: string
}

/** With what, and at what moment (Unix ms), a machine is judged. */
export interface Judge {
  readonly settings: X509PopSettings
  readonly trustDomain: TrustDomain
  readonly at: number
}

/**
 * Reads and judges what a machine shows (PEM, leaf first). Sizes of keys are judged before a signature is verified with
 * them. Throws `node_proof_invalid`.
 */
export function readMachine(pem: string, { settings: { roots }, trustDomain, at }: Judge, crypto: Crypto): Machine {
  return proving(() => {
    const blocks = decodePem(pem, { labels: ['CERTIFICATE'], maxBlocks: CERTIFICATES_MAX })
    const [leaf, ...intermediates] = blocks.map(({ der }) => Certificate.fromDer(der)) as [
      Certificate,
      ...Certificate[],
    ]
    requireLeaf(leaf)
    requireForeign(leaf, trustDomain)
    const request = { leaf, intermediates, roots, at: Math.floor(at / 1000), purpose: 'any' } as const
    // A configured authority is no machine, whoever has its key.
    if (verifyChain(request, crypto).length < 2)
      throw invalid('expected a certificate under the authority, got its own')
    return { leaf, name: nameOf(leaf, crypto) }
  })
}

function requireLeaf({ basicConstraints, keyUsage, publicKey }: Certificate): void {
  // Chains of others may have larger keys than ours; this one verifies what a stranger sends.
  requireKeyLimits(publicKey)
  if (basicConstraints?.ca) throw invalid('expected the certificate of a machine, got that of an authority')
  if (keyUsage !== undefined && !keyUsage.has('digitalSignature'))
    throw invalid('expected digitalSignature in the key usage')
}

// Where our own authority was named by mistake, every agent would become a node, and with that any other agent.
function requireForeign({ subjectAltName: san }: Certificate, trustDomain: TrustDomain): void {
  const own = `spiffe://${trustDomain}`
  if (san?.uri.some(uri => uri === own || uri.startsWith(`${own}/`)))
    throw invalid('expected the certificate of a machine, got one that we issued')
}

const nameOf = ({ publicKey }: Certificate, crypto: Crypto) =>
  requireName('node', `${X509POP_PREFIX}${toHex(crypto.sha256(publicKey.der)).slice(0, 32)}`)

/** Throws `node_proof_invalid` unless the key of the machine has signed this. */
export function requirePossession({ leaf }: Machine, message: Uint8Array, signature: Uint8Array, crypto: Crypto): void {
  const { type, der }: PublicKeyInfo = leaf.publicKey
  const held = type !== null && crypto.verify(signatureAlgorithmFor(type), der, message, signature, 'der')
  if (!held) throw invalid('expected the signature of the key in the certificate')
}

/** What {@link ProtocolError}s of a proof come to. */
export function proving<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) throw invalid(`${error.code}: ${error.message}`)
    throw error
  }
}

export const invalid = (detail: string) => new LanyardError('node_proof_invalid', detail)
