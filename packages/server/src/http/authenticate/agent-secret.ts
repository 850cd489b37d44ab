import { LanyardError } from '@lanyard/api'
import type { SecretCaller } from '@lanyard/authority'
import type { HandlerPorts } from '../ports.ts'
import type { AgentCertificates } from './agent-certificate.ts'
import type { PeerChain } from './peer-chain.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities' | 'admission'>

/** Agents by their secret, and by the client certificate beside it. */
export class AgentSecrets {
  readonly #ports: Ports
  readonly #agents: AgentCertificates

  constructor(ports: Ports, agents: AgentCertificates) {
    this.#ports = ports
    this.#agents = agents
  }

  async caller(_secret: string, _peer: PeerChain | null): Promise<SecretCaller> {
    void [this.#ports, this.#agents]
    throw new LanyardError('unauthenticated', 'this credential is not known')
  }
}
