import { LanyardError } from '@lanyard/api'
import {
  type AdmissionState,
  type AgentState,
  actorOfSecret,
  parseAgentSecret,
  refusedAs,
  requireAlive,
  requireLiveSecret,
  type SecondFactor,
  type SecretCaller,
  type SecretState,
  type Step,
  type TenantState,
} from '@lanyard/authority'
import { equalSecrets } from '@lanyard/protocol'
import type { HandlerPorts } from '../ports.ts'
import type { AgentCertificates } from './agent-certificate.ts'
import type { PeerChain } from './peer-chain.ts'
import { SecondFactors, untrustedUnless } from './second-factor.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities' | 'admission'>

interface Known {
  readonly secret: SecretState
  readonly agent: AgentState
  readonly tenant: TenantState
  readonly admission: AdmissionState
}

/** What an unknown id is compared with. */
const NOBODY = new Uint8Array(32)
/** A secret does not end by itself; the greatest time that a date has. */
const NEVER = 8_640_000_000_000_000
/** It opens sessions and is exchanged; all else is done by what it opens. */
const PERMISSIONS: SecretCaller['permissions'] = new Set()

/** Agents by their secret, and by the client certificate beside it. */
export class AgentSecrets {
  readonly #ports: Ports
  readonly #factors: SecondFactors

  constructor(ports: Ports, agents: AgentCertificates) {
    this.#ports = ports
    this.#factors = new SecondFactors(ports, agents)
  }

  /**
   * Whose secret this is. Throws `unauthenticated` for what is no secret of anybody; of a known one
   * `secret_superseded`, `secret_revoked`, `factor_missing`, `factor_mismatch`, `factor_untrusted`, and what the
   * liveness gate refuses with.
   */
  async caller(text: string, peer: PeerChain | null): Promise<SecretCaller> {
    const { crypto, store } = this.#ports
    const shown = parseAgentSecret(text, crypto)
    if (!shown) throw new LanyardError('unauthenticated', 'this is no secret of an agent, or not the whole of it')
    const found = await store.read(() => this.#find(shown))
    if (!found) throw new LanyardError('unauthenticated', 'this secret is not known')
    try {
      return await this.#judged(found, peer)
    } catch (error) {
      throw toldOf(error, found)
    }
  }

  async #judged({ secret, agent, tenant, admission }: Known, peer: PeerChain | null): Promise<SecretCaller> {
    requireLiveSecret(secret)
    const factor = await this.#factors.of(peer, agent, admission)
    if (factor === null) requireAlive({ agent, tenant }, secret.incarnation)
    // It is with that the certificate of a dead agent, which is no factor.
    else untrustedUnless(() => requireAlive({ agent, tenant }, secret.incarnation), this.#ports.clock.now())
    return {
      kind: 'agent-secret',
      tenant: agent.tenant,
      agent: agent.agent,
      permissions: PERMISSIONS,
      spiffeId: agent.spiffeId,
      secret: secret.id,
      incarnation: secret.incarnation,
      factor,
      expiresAt: endOf(factor),
    }
  }

  // An unknown id costs what a known one with a wrong secret does.
  *#find({ id, hash }: Pick<SecretState, 'id' | 'hash'>): Step<Known | undefined> {
    const { rows } = this.#ports
    const secret = yield* rows.secrets.find(id)
    const same = equalSecrets(secret?.hash ?? NOBODY, hash)
    if (!secret || !same) return undefined
    const agent = yield* rows.agents.find(secret)
    const tenant = yield* rows.tenants.find(secret.tenant)
    if (!agent || !tenant) return undefined
    return { secret, agent, tenant, admission: yield* rows.admissions.find(secret.tenant) }
  }
}

function endOf(factor: SecondFactor | null): number {
  if (factor === null) return NEVER
  return factor.kind === 'svid' ? factor.certificate.expiresAt : factor.endsAt
}

function toldOf(error: unknown, { secret, agent }: Known): unknown {
  if (!(error instanceof LanyardError)) return error
  return refusedAs(error, { agent, actor: actorOfSecret(secret.id), type: 'session.refused' })
}
