import {
  Bundle,
  Certificate,
  type ChainRequest,
  type ProtocolCode,
  ProtocolError,
  parseIpAddress,
  type TrustDomain,
  verifyChain,
  verifyX509Svid,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { certificatesIn, readableIn } from '../../certificate-files.ts'
import { Misuse } from '../../problem.ts'

export interface Question {
  /** PEM or DER, the certificate to judge first. */
  readonly chain: Uint8Array
  readonly roots: Uint8Array
  readonly untrusted: Uint8Array | null
  /** Unix seconds. */
  readonly at: number
  readonly expected: { readonly dns: string } | { readonly ip: string } | 'spiffe' | null
  readonly maxDepth: number | undefined
  readonly purpose: ChainRequest['purpose']
}

export type Verdict =
  | { readonly valid: true; readonly path: readonly Certificate[]; readonly spiffeId: string | null }
  | { readonly valid: false; readonly code: ProtocolCode; readonly detail: string }

/** A certificate that could not be read, and where it stands. */
interface Unread {
  readonly where: string
  readonly fault: ProtocolError
}

/** Whether the chain is valid, and if not, why. Throws {@link Misuse} for an address that is none. */
export function judge(question: Question): Verdict {
  const ip = addressOf(question.expected)
  const unread: Unread[] = []
  try {
    return { valid: true, ...prove(question, ip, unread) }
  } catch (error) {
    if (error instanceof ProtocolError) return { valid: false, ...reasonOf(error, unread) }
    throw error
  }
}

/** Where no path was found, a certificate that could not be read may be what is missing: that tells more. */
function reasonOf({ code, message }: ProtocolError, [unread]: readonly Unread[]) {
  if (code !== 'chain_untrusted' || !unread) return { code, detail: message }
  return { code: unread.fault.code, detail: `${unread.where}: ${unread.fault.message}` }
}

function prove(question: Question, ip: Uint8Array | null, unread: Unread[]) {
  const read = (where: string, bytes: Uint8Array) => {
    const { certificates, fault } = readableIn(bytes)
    if (fault) unread.push({ where, fault })
    return certificates
  }
  const [first, ...rest] = certificatesIn(question.chain)
  const leaf = Certificate.fromDer(first!)
  const beside = rest.flatMap(der => read('CERT', der))
  const untrusted = question.untrusted ? read('--untrusted', question.untrusted) : []
  const { at, purpose, expected, maxDepth } = question
  const request: ChainRequest = {
    leaf,
    intermediates: [...beside, ...untrusted],
    roots: read('--roots', question.roots),
    at,
    purpose,
    ...(ip !== null && { name: { ip } }),
    ...(expected !== null && expected !== 'spiffe' && 'dns' in expected && { name: { dns: expected.dns } }),
    ...(maxDepth !== undefined && { maxDepth }),
  }
  return expected === 'spiffe' ? proveSvid(request) : { path: verifyChain(request, nodeCrypto), spiffeId: null }
}

/** The roots count as the bundle of whatever trust domain the leaf names: the caller says whose they are. */
function proveSvid(request: ChainRequest) {
  const { leaf, intermediates, roots, at, purpose, maxDepth } = request
  const bundles = (trustDomain: TrustDomain) => Bundle.of({ trustDomain, x509Authorities: roots })
  const { id, path } = verifyX509Svid({ chain: [leaf, ...intermediates], bundles, at, purpose }, nodeCrypto)
  return { path: maxDepth === undefined ? path : verifyChain(request, nodeCrypto), spiffeId: id.toString() }
}

function addressOf(expected: Question['expected']): Uint8Array | null {
  if (expected === null || expected === 'spiffe' || !('ip' in expected)) return null
  const ip = parseIpAddress(expected.ip)
  if (ip === null) throw new Misuse(`--ip: expected an IP address, got ${JSON.stringify(expected.ip)}`)
  return ip
}
