import { LanyardError } from '@lanyard/api'
import type { ExternalTokenCaller } from '@lanyard/authority'
import type { HandlerPorts } from '../ports.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'issuers'>

/** Agents by tokens of their tenant's identity provider. */
export class ExternalTokens {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  async caller(_token: string, _tenant: string | undefined): Promise<ExternalTokenCaller> {
    void this.#ports
    throw new LanyardError('unauthenticated', 'this credential is not known')
  }
}
