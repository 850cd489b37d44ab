import { type TestCertificate, TestIdentity } from '../../../protocol/src/node/test-ca.ts'
import type { ClientTls } from './client.ts'

const HOUR = 3600

/** Valid at this moment, for an hour. */
const present = () => {
  const now = Math.floor(Date.now() / 1000)
  return { notBefore: now - HOUR, notAfter: now + HOUR }
}

/** An authority of a company for the client certificates of its agents. */
export class ClientAuthority {
  readonly root: TestIdentity

  constructor(subject = 'Agents of Acme') {
    this.root = TestIdentity.root({ subject, ...present() })
  }

  get pem(): string {
    return this.root.pem
  }

  /** A client certificate, for an hour where the wish does not say otherwise, with its chain up to the root. */
  client(wish: TestCertificate, under: readonly TestIdentity[] = []): ClientTls {
    const leaf = (under[0] ?? this.root).leaf({ ...present(), ...wish })
    return { key: leaf.keyPem, cert: [leaf, ...under].map(({ pem }) => pem).join('') }
  }

  /** An authority below this one. */
  below(wish: TestCertificate = {}): TestIdentity {
    return this.root.ca({ subject: 'Team', ...present(), ...wish })
  }
}
