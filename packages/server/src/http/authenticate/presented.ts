import { LanyardError } from '@lanyard/api'
import type { CertificateCaller } from '@lanyard/authority'
import { BoundedMap, type Certificate, type ForwardedChain, ProtocolError, toHex } from '@lanyard/protocol'
import { type FormatHeaders, type Found, finderOf, headersOf, KNOWN_HEADERS } from '../../proxies/headers.ts'
import { readForwarded, requireFormat } from '../../proxies/read.ts'
import type { Connection } from '../connection.ts'
import type { HandlerPorts } from '../ports.ts'
import type { AgentCertificates } from './agent-certificate.ts'
import { type PeerChain, PeerChains } from './peer-chain.ts'

type Ports = Pick<HandlerPorts, 'proxies' | 'authorities'>

/** The certificate that a call is by, and whose the connection is. */
export interface Presented {
  /** Null: the call is by none. */
  readonly peer: PeerChain | null
  /**
   * Null: the connection is the caller's own. Else a proxy's, which has proved itself by its SVID or is known by its
   * place.
   */
  readonly carrier: CertificateCaller | 'proxy' | null
}

/** Chains that are kept, so that signatures are verified once and not at each call. */
const MAX_KEPT = 256

/**
 * The certificate that a call is by: of its connection, or the one that a trusted proxy forwarded. The header of
 * anybody else is refused, and not passed over: whoever forgot to strip it, or to set us up, learns it at the first
 * call.
 */
export class PresentedCertificates {
  readonly #ports: Ports
  readonly #agents: Pick<AgentCertificates, 'caller'>
  readonly #find: (raw: readonly string[]) => Found | null
  readonly #headers: FormatHeaders | null
  readonly #chains = new PeerChains()
  /** By the text of the headers, the one that was used last at the end. */
  readonly #kept = new BoundedMap<string, PeerChain>(MAX_KEPT)

  constructor(ports: Ports, agents: Pick<AgentCertificates, 'caller'>) {
    const { format, header } = ports.proxies
    this.#ports = ports
    this.#agents = agents
    this.#find = finderOf([...KNOWN_HEADERS, header])
    this.#headers = format === null ? null : headersOf(format, header)
  }

  /** Throws `proxy_header_untrusted`, `proxy_header_invalid`, `certificate_untrusted`, `store_unavailable`. */
  async of(raw: readonly string[], connection: Connection): Promise<Presented> {
    const found = this.#find(raw)
    if (found === null) return this.#withoutHeader(connection)
    this.#requirePlausible(found, connection)
    const carrier = await this.#carrier(connection)
    return { peer: await this.#forwarded(found), carrier }
  }

  /**
   * Asks of a call that needs no credential what can be asked without proof: the same header is refused from whoever
   * cannot be a proxy. Throws `proxy_header_untrusted`.
   */
  screen(raw: readonly string[], connection: Connection): void {
    const found = this.#find(raw)
    if (found !== null) this.#requirePlausible(found, connection)
  }

  /**
   * A proxy is never the caller. Without a header its client has shown no certificate, and would be taken for the
   * proxy: anybody could have a certificate for the proxy's name issued.
   */
  #withoutHeader(connection: Connection): Presented {
    const isProxy = connection.byProxySocket || this.#claimsProxy(connection.peer)
    return isProxy ? { peer: null, carrier: 'proxy' } : { peer: connection.peer, carrier: null }
  }

  #requirePlausible(found: Found, connection: Connection): void {
    const headers = this.#headers
    const { trustsAddress } = this.#ports.proxies
    if (headers === null) throw untrusted('no proxy is trusted here')
    requireFormat(found, headers)
    if (connection.byProxySocket || this.#claimsProxy(connection.peer) || trustsAddress(connection.source)) return
    throw untrusted(`${connection.source} is no proxy that is trusted here`)
  }

  async #carrier(connection: Connection): Promise<CertificateCaller | 'proxy'> {
    if (connection.byProxySocket || !this.#claimsProxy(connection.peer)) return 'proxy'
    const { spiffeIds } = this.#ports.proxies
    try {
      const caller = await this.#agents.caller(connection.peer!, false)
      if (spiffeIds.has(caller.spiffeId)) return caller
    } catch (error) {
      // What is wrong with the proxy is not to be told as if it were its client's.
      if (!(error instanceof LanyardError) || error.code === 'store_unavailable') throw error
      throw untrusted(`the proxy's own certificate does not count: ${error.code}`)
    }
    throw untrusted('the certificate of the connection is of no proxy that is trusted here')
  }

  /** Whether a certificate says that it is a proxy's. Nothing of it is proved. */
  #claimsProxy(peer: PeerChain | null): boolean {
    const { spiffeIds } = this.#ports.proxies
    if (peer === null || spiffeIds.size === 0 || peer.certificates instanceof ProtocolError) return false
    return peer.certificates[0].subjectAltName?.uri.some(uri => spiffeIds.has(uri)) ?? false
  }

  async #forwarded(found: Found): Promise<PeerChain> {
    const name = JSON.stringify([...found])
    const kept = this.#kept.get(name)
    const peer = kept ?? (await this.#read(readForwarded(found, this.#ports.proxies.format!, this.#headers!)))
    if (peer.hostile) throw new LanyardError('certificate_untrusted', 'expected fewer certificates, with usual keys')
    if (this.#claimsProxy(peer))
      throw new LanyardError('proxy_header_invalid', 'expected the certificate of a client, got that of a proxy')
    // A leaf alone may find its issuer later.
    if (peer.certificates instanceof ProtocolError || peer.certificates.length < 2) return peer
    this.#kept.set(name, peer)
    return peer
  }

  async #read(chain: ForwardedChain): Promise<PeerChain> {
    const peer = this.#chains.ofDer(chain)
    if (peer.hostile || peer.certificates instanceof ProtocolError || peer.certificates.length > 1) return peer
    const [leaf] = peer.certificates
    const issuer = await this.#issuerOf(leaf)
    return issuer === null ? peer : { certificates: [leaf, issuer], hostile: false }
  }

  /** Many proxies pass the leaf on alone. Those above ours are our own; it may be another instance that issued it. */
  async #issuerOf({ authorityKeyId }: Certificate): Promise<Certificate | null> {
    return authorityKeyId === undefined ? null : await this.#ports.authorities.intermediate(toHex(authorityKeyId))
  }
}

const untrusted = (detail: string) => new LanyardError('proxy_header_untrusted', detail)
