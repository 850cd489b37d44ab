import { readFileSync } from 'node:fs'
import type { NodeCredential as Reply } from '@lanyard/api'
import {
  certificatesOf,
  Link,
  Authority as Pinned,
  parseAuthorityUrl,
  parseFingerprint,
  pinnedRoot,
} from '@lanyard/sdk/authority'
import type { DaemonConfig } from '../config.ts'
import type { Time } from '../ports.ts'
import { attest, type NodeProof } from './attest.ts'
import { NodeCredential } from './credential.ts'
import { fromSetting } from './from-setting.ts'

/** The authority before there is a connection for good: its root, and the calls of a node that begins or comes back. */
export class Authority {
  readonly url: URL
  readonly #config: DaemonConfig
  readonly #time: Time
  #root: string | null = null

  /** @throws TypeError for a URL that is none */
  constructor(config: DaemonConfig, time: Time) {
    this.#config = config
    this.#time = time
    this.url = parseAuthorityUrl(config.authority)
  }

  /**
   * Proves this machine to be a node.
   *
   * @throws IdentityError, with the codes of `POST /v1/nodes/attest`; `fingerprint_mismatch` for another root
   * @throws LanyardError `config_invalid` for a root that cannot be read
   */
  async attest(proof: NodeProof): Promise<NodeCredential> {
    this.#root ??= await this.#pin()
    const nobody = { certificate: '', chain: '', bundle: this.#root, privateKeyPem: () => '' }
    const link = await Link.open({ url: this.url, time: this.#time, svid: nobody })
    try {
      return await attest((method, path, body) => link.call(method, path, body, { hold: true }), proof)
    } finally {
      link.close()
    }
  }

  /** Asks for the next certificate with this one, which may have ended. Throws IdentityError. */
  async renew(credential: NodeCredential): Promise<NodeCredential> {
    const link = await Link.open({ url: this.url, time: this.#time, svid: credential })
    try {
      return NodeCredential.of((await link.call('POST', '/v1/node/renew')) as Reply, credential.key)
    } finally {
      link.close()
    }
  }

  connect(credential: NodeCredential, signal: AbortSignal): Promise<Link<NodeCredential>> {
    return Link.open({ url: this.url, time: this.#time, svid: credential, signal })
  }

  async #pin(): Promise<string> {
    const { rootSha256, rootFile } = this.#config
    const fingerprint = rootSha256 === null ? null : fromSetting('root_sha256', () => parseFingerprint(rootSha256))
    if (rootFile === null)
      return await new Pinned({ url: this.url, rootSha256: fingerprint!.toString('hex'), time: this.#time }).root()
    const pem = fromSetting('root_file', () => rootsIn(rootFile))
    return fingerprint === null ? pem : pinnedRoot(pem, fingerprint)
  }
}

function rootsIn(file: string): string {
  const pem = readFileSync(file, 'utf8')
  certificatesOf(pem)
  return pem
}
