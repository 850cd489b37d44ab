import type { KeyObject } from 'node:crypto'
import type { ErrorCode, NodeEntry } from '@lanyard/api'
import { buildCsr, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import type { HeldSvid } from '../ports.ts'
import { type Kept, keep } from './held.ts'
import type { SlotPorts } from './ports.ts'

/** A lineage that goes on no longer; a new one may be opened at once. */
export const NEW_LINEAGE: ReadonlySet<string> = new Set<ErrorCode>([
  'lineage_ended',
  'lineage_forked',
  'incarnation_dead',
  'certificate_revoked',
  'certificate_expired',
  'key_killed',
])

/** Asks for the SVIDs of one entry. A reply may be lost: the same key again is no fork of the lineage. */
export class Request {
  readonly #ports: Pick<SlotPorts, 'takeKey' | 'issue' | 'bundle'>
  #key: { readonly key: KeyObject; readonly renews: string | null } | null = null

  constructor(ports: Pick<SlotPorts, 'takeKey' | 'issue' | 'bundle'>) {
    this.#ports = ports
  }

  /** The next request is another one, with a new key. */
  forget(): void {
    this.#key = null
  }

  /**
   * The next certificate after this one, or the first of a new lineage.
   *
   * @throws the codes of `POST /v1/node/svids/x509`; ProtocolError, TypeError for a reply that does not fit
   */
  async ask(entry: NodeEntry, before: HeldSvid | null): Promise<Kept> {
    const { takeKey, issue, bundle } = this.#ports
    const renews = before === null ? null : { lineage: before.lineage, serial: before.serial }
    if (this.#key === null || this.#key.renews !== (renews?.serial ?? null))
      this.#key = { key: await takeKey(entry.key_policy), renews: renews?.serial ?? null }
    const { key } = this.#key
    const csr = encodePem('CERTIFICATE REQUEST', await buildCsr(nodeSigner(key)))
    const reply = await issue(entry.id, csr, renews)
    const own = bundle()
    if (own === null) throw new TypeError('expected a bundle before the first SVID')
    const kept = keep(entry, reply, key, own)
    this.#key = null
    return kept
  }
}
