import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import {
  Certificate,
  type Credential,
  credentialOf,
  ProtocolError,
  type SpiffeId,
  verifyX509Svid,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { codeOf, IdentityError } from '../errors.ts'
import { systemTime, type TimeSource } from '../time.ts'
import type { PeerSocket } from './carrier.ts'
import type { Local } from './local.ts'
import { type Peer, SKEW_SEC } from './session.ts'

/** Most certificates that are looked at; more are refused before any of them is parsed. */
const MAX_CHAIN = 10

/**
 * Whether Node's own judgement of a chain is asked for as well. It goes by the machine's clock, so it can only be where
 * that is the clock in use: under the clock of a test the protocol's validation judges alone.
 */
export function asksNode(time: TimeSource): boolean {
  return time === systemTime
}

/** Who stands at the other end, and what of its certificate a death can concern. */
export interface ProvedPeer {
  readonly peer: Peer
  /** Without its tenant, which only the feed knows to read from an ID. */
  readonly credential: Credential
}

/**
 * Who stands at the other end of a TLS socket whose handshake is done.
 *
 * @throws IdentityError `session_resumed`, `peer_untrusted`, `peer_certificate_ended`
 */
export function provePeer(
  socket: PeerSocket,
  local: Pick<Local, 'bundles' | 'time'>,
  purpose: 'serverAuth' | 'clientAuth',
): ProvedPeer {
  const relayed = relayedChains.get(socket)
  if (relayed !== undefined) return proveChain(() => relayed, local, purpose)
  const tls = socket as TLSSocket
  checkHandshake(tls)
  return proveChain(() => chainOf(tls), local, purpose)
}

const relayedChains = new WeakMap<PeerSocket, readonly Certificate[]>()

/** Notes whom the daemon, which speaks TLS in the place of this process, has seen prove its key at the other end. */
export function relayedFor(socket: PeerSocket, chain: readonly Certificate[]): void {
  relayedChains.set(socket, chain)
}

/**
 * Whom a chain of certificates is of. That somebody holds the key is for others to prove.
 *
 * @throws IdentityError `peer_untrusted`, `peer_certificate_ended`
 */
export function proveChain(
  read: () => readonly Certificate[],
  local: Pick<Local, 'bundles' | 'time'>,
  purpose: 'serverAuth' | 'clientAuth',
  via: SpiffeId | null = null,
): ProvedPeer {
  try {
    const chain = read()
    const at = Math.floor(local.time.now() / 1000)
    const { id, path } = verifyX509Svid(
      { chain, bundles: local.bundles, at, purpose, notAfterGrace: SKEW_SEC },
      nodeCrypto,
    )
    const peer = { id, serial: path[0]!.serialHex, notAfter: Math.min(...path.map(each => each.notAfter)), via }
    return { peer, credential: credentialOf({ id, path }, null, nodeCrypto) }
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause
    const code =
      cause instanceof ProtocolError && cause.code === 'certificate_expired'
        ? 'peer_certificate_ended'
        : 'peer_untrusted'
    const detail = cause instanceof Error ? cause.message : ''
    throw new IdentityError(code, `the certificate of the peer does not hold: ${codeOf(cause)}: ${detail}`, { cause })
  }
}

/**
 * What must be true of any handshake. On a resumed session Node asks nobody about the certificate, and takes one that
 * has ended since.
 *
 * @throws IdentityError `session_resumed`, `peer_untrusted`
 */
export function checkHandshake(socket: TLSSocket): void {
  if (socket.isSessionReused())
    throw new IdentityError('session_resumed', 'expected a full TLS handshake, got a resumption')
  const version = socket.getProtocol()
  if (version !== 'TLSv1.3') throw new IdentityError('peer_untrusted', `expected TLSv1.3, got ${version}`)
}

/** The certificates that the peer sent, leaf first, as parsed from the bytes that TLS verified the signature with. */
export function chainOf(socket: TLSSocket): Certificate[] {
  const chain: Certificate[] = []
  // Asked once: the second call on a server's socket of Node 22 has lost the issuers.
  let next: X509Certificate | undefined = socket.getPeerX509Certificate()
  for (; next !== undefined; next = next.issuerCertificate) {
    if (chain.length === MAX_CHAIN)
      throw new IdentityError('peer_untrusted', `expected at most ${MAX_CHAIN} certificates`)
    chain.push(Certificate.fromDer(new Uint8Array(next.raw)))
  }
  if (chain.length === 0) throw new IdentityError('peer_untrusted', 'expected a certificate, got none')
  return chain
}
