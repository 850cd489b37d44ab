import { LanyardError } from '@lanyard/api'
import type { CertificateCaller, PrincipalCaller } from '@lanyard/authority'
import type { HandlerPorts } from '../ports.ts'
import type { PeerChain } from './peer-chain.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'issuers' | 'operatorCa' | 'authorities'>

/** People and programs by what they have already. */
export class Principals {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** Whether the chain is not one of ours, so that only the operators' authority can stand behind it. */
  isOperator(_peer: PeerChain): boolean {
    return false
  }

  async ofToken(_token: string, _tenant: string | undefined): Promise<PrincipalCaller> {
    void this.#ports
    throw new LanyardError('unauthenticated', 'this credential is not known')
  }

  async ofCertificate(_peer: PeerChain): Promise<PrincipalCaller> {
    throw new LanyardError('unauthenticated', 'this credential is not known')
  }

  async ofSvid(_agent: CertificateCaller): Promise<PrincipalCaller> {
    throw new LanyardError('unauthenticated', 'this credential is not known')
  }
}
