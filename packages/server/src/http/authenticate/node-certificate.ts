import { LanyardError } from '@lanyard/api'
import {
  type Clock,
  isoTime,
  type NodeCaller,
  type NodeName,
  type NodeState,
  nodeCaller,
  readNodeId,
  requireCountingNode,
  requireRenewable,
  type Step,
} from '@lanyard/authority'
import {
  type Bundle,
  type Certificate,
  type Crypto,
  EXTENDED_KEY_USAGES,
  jwkFromSpki,
  jwkThumbprint,
  ProtocolError,
  SpiffeId,
  verifyChain,
} from '@lanyard/protocol'
import type { HandlerPorts } from '../ports.ts'
import type { PeerChain } from './peer-chain.ts'
import { rememberSignatures } from './remembered.ts'

/** Whether the chain says that it is a node's. Who proves nothing is refused by either judge. */
export const isNodeChain = ({ certificates }: PeerChain): boolean =>
  !(certificates instanceof ProtocolError) &&
  certificates[0].extendedKeyUsage?.includes(EXTENDED_KEY_USAGES.lanyardNode) === true

interface Proof extends NodeName {
  readonly spki: Uint8Array
  readonly keyThumbprint: string
  /** Unix seconds, counted in. */
  readonly notAfter: number
}

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities' | 'nodes'>

/** Nodes by the certificate of their connection. */
export class NodeCertificates {
  readonly #ports: Ports
  readonly #crypto: Crypto
  readonly #proofs = new WeakMap<PeerChain, { readonly bundle: Bundle; readonly proof: Proof }>()

  constructor(ports: Ports) {
    this.#ports = ports
    this.#crypto = rememberSignatures(ports.crypto)
  }

  /**
   * Who presented this chain: the node that we know under its name, if its key is the one that was proved. Asked at each
   * call, since a connection outlives a ban. `mayHaveEnded`: within its grace. Throws `certificate_untrusted`,
   * `certificate_expired`, `node_unknown`, `node_banned`.
   */
  async caller(chain: PeerChain, mayHaveEnded: boolean): Promise<NodeCaller> {
    const { store, clock, nodes } = this.#ports
    const proof = this.#proved(chain, clock.now())
    const state = await store.read(() => this.#find(proof))
    if (mayHaveEnded) requireRenewable(state, nodes, clock.now())
    else requireNotEnded(proof, state, clock)
    return nodeCaller(state, proof.spki)
  }

  *#find({ tenant, name, keyThumbprint }: Proof): Step<NodeState> {
    const { rows } = this.#ports
    return yield* requireCountingNode(rows, yield* rows.nodes.findByName(tenant, name), keyThumbprint)
  }

  #proved(chain: PeerChain, at: number): Proof {
    const bundle = this.#ports.authorities.bundle()
    const known = this.#proofs.get(chain)
    if (known?.bundle === bundle) return known.proof
    try {
      const proof = prove(chain, bundle, Math.floor(at / 1000), this.#crypto)
      this.#proofs.set(chain, { bundle, proof })
      return proof
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      throw new LanyardError('certificate_untrusted', `${error.code}: ${error.message}`)
    }
  }
}

/**
 * What the chain proves by itself. One that has ended is judged as of its end: it proves the key, and the row of the node
 * says whether that still counts, also when the intermediate has ended since.
 */
function prove({ certificates }: PeerChain, bundle: Bundle, now: number, crypto: Crypto): Proof {
  if (certificates instanceof ProtocolError) throw certificates
  const [leaf, ...intermediates] = certificates
  const at = Math.min(now, leaf.notAfter)
  const path = verifyChain({ leaf, intermediates, roots: bundle.x509Authorities, at, purpose: 'any' }, crypto)
  if (path.length < 2 || !isNodeLeaf(leaf)) throw untrusted('expected a certificate in the form of a node')
  const id = SpiffeId.parse(leaf.subjectAltName!.uri[0]!)
  const name = readNodeId(id)
  if (name === null || !id.trustDomain.equals(bundle.trustDomain)) throw untrusted('expected the ID of a node')
  const { der: spki } = leaf.publicKey
  return { ...name, spki, keyThumbprint: jwkThumbprint(jwkFromSpki(spki), crypto), notAfter: leaf.notAfter }
}

const untrusted = (detail: string) => new LanyardError('certificate_untrusted', detail)

function isNodeLeaf({ basicConstraints, keyUsage, extendedKeyUsage, subjectAltName: san }: Certificate): boolean {
  if (basicConstraints?.ca !== false || extendedKeyUsage?.length !== 1 || san === undefined) return false
  const others = san.dns.length + san.ip.length + san.email.length + san.directoryName.length + san.other.length
  return san.uri.length === 1 && others === 0 && keyUsage?.size === 1 && keyUsage.has('digitalSignature')
}

function requireNotEnded(proof: Proof, state: NodeState, clock: Clock): void {
  // Both ends count (RFC 5280, 4.1.2.5).
  const end = (Math.min(proof.notAfter, state.notAfter) + 1) * 1000
  const at = clock.now()
  if (at < end) return
  const late = Math.ceil((at - end) / 1000)
  throw new LanyardError('certificate_expired', `expected a node that counts, got one that ended ${late} s ago`, {
    server_time: isoTime(at),
    skew_sec: late,
  })
}
