import { LanyardError } from '@lanyard/api'
import {
  type AdmissionState,
  type AgentKey,
  type AgentState,
  isoTime,
  requireUnkilledKey,
  type SecondFactor,
} from '@lanyard/authority'
import {
  type Certificate,
  type Crypto,
  jwkFromSpki,
  jwkThumbprint,
  ProtocolError,
  parseDnsName,
  requireKeyLimits,
  verifyChain,
} from '@lanyard/protocol'
import type { HandlerPorts } from '../ports.ts'
import type { AgentCertificates } from './agent-certificate.ts'
import { isOwnChain } from './own-chain.ts'
import type { PeerChain } from './peer-chain.ts'
import { rememberSignatures } from './remembered.ts'
import { TenantAuthorities } from './tenant-authorities.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities' | 'admission'>

/** The client certificate beside the secret of an agent. */
export class SecondFactors {
  readonly #ports: Ports
  readonly #agents: AgentCertificates
  readonly #crypto: Crypto
  readonly #authorities = new TenantAuthorities()

  constructor(ports: Ports, agents: AgentCertificates) {
    this.#ports = ports
    this.#agents = agents
    this.#crypto = rememberSignatures(ports.crypto)
  }

  /**
   * Judges what came along, also where nothing is required; null where nothing came. An SVID of ours is judged by our
   * record of it, all else by the authorities of the tenant, and it must be of the very agent. Throws `factor_missing`,
   * `factor_untrusted`, `factor_mismatch`.
   */
  async of(peer: PeerChain | null, agent: AgentState, admission: AdmissionState): Promise<SecondFactor | null> {
    const { authorities } = this.#ports
    if (peer === null) return this.#without(agent, admission)
    if (isOwnChain(peer, authorities.bundle().x509Authorities)) return await this.#bySvid(peer, agent)
    return await this.#byAuthority(peer, agent, admission)
  }

  #without({ tenant, agent }: AgentKey, { agentMtlsRequired }: AdmissionState): null {
    if (!(agentMtlsRequired ?? this.#ports.admission.agentMtlsRequired)) return null
    throw new LanyardError('factor_missing', `expected the client certificate of agent ${tenant}/${agent}, got none`)
  }

  async #bySvid(peer: PeerChain, agent: AgentState): Promise<SecondFactor> {
    const certificate = await untrustedWhen(() => this.#agents.caller(peer, false), this.#ports.clock.now())
    if (certificate.tenant !== agent.tenant || certificate.agent !== agent.agent)
      throw mismatch(agent, certificate.spiffeId)
    return { kind: 'svid', certificate }
  }

  async #byAuthority(
    { certificates }: PeerChain,
    agent: AgentState,
    { agentMtlsCa }: AdmissionState,
  ): Promise<SecondFactor> {
    const { store, rows, clock, admission } = this.#ports
    const now = clock.now()
    return await untrustedWhen(async () => {
      if (certificates instanceof ProtocolError) throw certificates
      const [leaf, ...intermediates] = certificates
      const roots = agentMtlsCa === null ? admission.agentMtlsCa : this.#authorities.of(agentMtlsCa)
      if (roots.length === 0) throw untrusted('no authority of client certificates is configured, and this is no SVID')
      requireClient(leaf)
      const at = Math.floor(now / 1000)
      const path = verifyChain({ leaf, intermediates, roots, at, purpose: 'clientAuth' }, this.#crypto)
      if (path.length < 2) throw untrusted('expected a certificate under the authority, got its own')
      requireNamed(leaf, agent, admission.dnsSuffix)
      const keyThumbprint = jwkThumbprint(jwkFromSpki(leaf.publicKey.der), this.#crypto)
      await store.read(() => requireUnkilledKey(rows, keyThumbprint))
      // Both ends count (RFC 5280, 4.1.2.5).
      return { kind: 'certificate', keyThumbprint, endsAt: (leaf.notAfter + 1) * 1000 }
    }, now)
  }
}

/**
 * What a chain of others may be, we do not verify with; a CA is nobody's client, and what is for all purposes is for
 * none.
 */
function requireClient({ publicKey, basicConstraints, extendedKeyUsage }: Certificate): void {
  requireKeyLimits(publicKey)
  if (basicConstraints?.ca) throw untrusted('expected the certificate of an agent, got that of an authority')
  if (extendedKeyUsage === undefined) throw untrusted('expected clientAuth among the purposes, got none')
}

/** The one URI, or else one of the host names, must be the agent. */
function requireNamed({ subjectAltName }: Certificate, agent: AgentState, suffix: string): void {
  const { uri = [], dns = [] } = subjectAltName ?? {}
  if (uri.length > 1) throw untrusted(`expected one URI in the certificate, got ${uri.length}`)
  const [id] = uri
  if (id !== undefined) {
    if (id !== agent.spiffeId) throw mismatch(agent, shown(id))
    return
  }
  const host = hostOf(agent, suffix)
  if (host === null) throw untrusted('expected the SPIFFE ID in the certificate: these names make no host name')
  if (!dns.some(name => parseDnsName(name) === host))
    throw mismatch(agent, dns.map(shown).slice(0, 4).join(' ') || 'no name')
}

/**
 * The host name of an agent. Null where a name is more than one label: `a.b` of tenant `c` and `a` of tenant `b.c`
 * would share theirs, and with that be each other's second factor.
 */
function hostOf({ tenant, agent }: AgentKey, suffix: string): string | null {
  if (agent.includes('.') || tenant.includes('.')) return null
  return parseDnsName(`${agent}.${tenant}.${suffix}`)
}

const shown = (name: string) => (name.length > 120 ? `${name.slice(0, 120)}…` : name)

const untrusted = (detail: string) => new LanyardError('factor_untrusted', detail)

const mismatch = ({ spiffeId }: AgentState, got: string) =>
  new LanyardError('factor_mismatch', `the secret is of ${spiffeId}, the certificate of ${got}`)

/** What a certificate is refused with for itself comes to `factor_untrusted`; faults of ours stay what they are. */
async function untrustedWhen<T>(judge: () => Promise<T>, at: number): Promise<T> {
  try {
    return await judge()
  } catch (error) {
    throw asUntrusted(error, at)
  }
}

/** The same of a gate that the agent of the certificate must pass. */
export function untrustedUnless(gate: () => void, at: number): void {
  try {
    gate()
  } catch (error) {
    throw asUntrusted(error, at)
  }
}

/** Refusals that a clock can be the cause of. */
const OF_TIME: ReadonlySet<string> = new Set(['certificate_expired', 'certificate_not_yet_valid'])
const KEPT: ReadonlySet<string> = new Set(['factor_mismatch', 'factor_untrusted', 'store_unavailable', 'not_ready'])

function asUntrusted(error: unknown, at: number): unknown {
  if (error instanceof ProtocolError) {
    const extras = OF_TIME.has(error.code) ? { server_time: isoTime(at) } : {}
    return new LanyardError('factor_untrusted', `${error.code}: ${error.message}`, extras)
  }
  if (!(error instanceof LanyardError) || KEPT.has(error.code)) return error
  return new LanyardError('factor_untrusted', `${error.code}: ${error.message}`, error.extras)
}
