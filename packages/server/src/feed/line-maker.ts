import { type FeedLine, signFeedLine } from '@lanyard/protocol'
import type { CertifiedSigner } from '../instance/authorities.ts'
import { type Change, told } from './changes.ts'

export interface LineMakerParts {
  /** UUID of this instance. */
  readonly instance: string
  /** How the trust domain writes tenant and agent into SPIFFE IDs. */
  readonly template: string
  /** The key of this moment. */
  readonly signer: () => CertifiedSigner
}

/** Where the feed stands, as far as every line says it. */
export interface Standing {
  readonly feedId: string
  readonly epoch: number
  readonly asOf: number
}

/** Makes lines as they go over the wire, and counts the signatures. */
export class LineMaker {
  readonly #parts: LineMakerParts
  signatures = 0

  constructor(parts: LineMakerParts) {
    this.#parts = parts
  }

  /** The key that signs at this moment. */
  get kid(): string {
    return this.#parts.signer().kid
  }

  /** A line that every reader can begin with. */
  snapshot(standing: Standing, all: readonly Change[]): Promise<Buffer> {
    return this.#sign(
      { ...this.#head(standing), kind: 'snapshot', prev: 0, ...told(all), template: this.#parts.template },
      true,
    )
  }

  /** What came after `prev`; nothing: a heartbeat. `introduced`: with the certificate of its key. */
  delta(standing: Standing, prev: number, changes: readonly Change[], introduced: boolean): Promise<Buffer> {
    return this.#sign({ ...this.#head(standing), kind: 'delta', prev, ...told(changes) }, introduced)
  }

  #head({ feedId, epoch, asOf }: Standing) {
    return { feedId, instance: this.#parts.instance, epoch, asOf }
  }

  async #sign(line: FeedLine, introduced: boolean): Promise<Buffer> {
    const { kid, signer, certificate } = this.#parts.signer()
    this.signatures++
    const token = await signFeedLine(line, { kid, signer, ...(introduced ? { x5c: [certificate] } : {}) })
    return Buffer.from(`${token}\n`, 'latin1')
  }
}
