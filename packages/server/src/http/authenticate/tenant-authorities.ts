import type { Certificate } from '@lanyard/protocol'
import { certificatesIn } from '../../authority-file.ts'

/** Texts that are kept parsed; a tenant has one. The oldest leaves first. */
const KEPT = 200

/** The authorities that tenants named, parsed once. */
export class TenantAuthorities {
  readonly #kept = new Map<string, readonly Certificate[]>()

  /** Throws what PEM and DER are refused with. */
  of(pem: string): readonly Certificate[] {
    const known = this.#kept.get(pem)
    if (known) return known
    const certificates = certificatesIn(pem)
    this.#kept.set(pem, certificates)
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    return certificates
  }
}
