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
  /** Subjects that one line of a beginning names: about as many, since an epoch is never cut in two. */
  readonly lineSubjects?: number
}

/** Half of what readers take, so that whoever kills its own agents without end silences nobody's feed. */
const LINE_SUBJECTS = 100_000

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

  /**
   * What every reader can begin with: a line, or several where one would be longer than readers take, each complete up to
   * its epoch. Only the last one says how fresh it is, so that nobody goes by a part of the deaths.
   */
  async snapshot(standing: Standing, all: readonly Change[]): Promise<Buffer> {
    const parts = inParts(all, this.#parts.lineSubjects ?? LINE_SUBJECTS)
    const { template } = this.#parts
    const lines: Buffer[] = []
    let prev = 0
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1
      const upTo = isLast ? standing : { ...standing, epoch: part.at(-1)!.epoch, asOf: 0 }
      const line = { ...this.#head(upTo), prev, ...told(part) }
      const whole =
        index === 0 ? ({ ...line, kind: 'snapshot', template } as const) : ({ ...line, kind: 'delta' } as const)
      lines.push(await this.#sign(whole, true))
      prev = upTo.epoch
    }
    return Buffer.concat(lines)
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

/** By epoch, at least one. */
function inParts(all: readonly Change[], size: number): readonly (readonly Change[])[] {
  if (all.length <= size) return [all]
  const parts: Change[][] = [[]]
  for (const change of all.toSorted((a, b) => a.epoch - b.epoch)) {
    const part = parts.at(-1)!
    if (part.length >= size && part.at(-1)!.epoch !== change.epoch) parts.push([change])
    else part.push(change)
  }
  return parts
}
