import { BoundedMap, type Certificate } from '@lanyard/protocol'
import { certificatesIn } from '../../authority-file.ts'

/** Texts that are kept parsed; a tenant has one. The oldest leaves first. */
const KEPT = 200

/** The authorities that tenants named, parsed once. */
export class TenantAuthorities {
  readonly #kept = new BoundedMap<string, readonly Certificate[]>(KEPT)

  /** Throws what PEM and DER are refused with. */
  of(pem: string): readonly Certificate[] {
    const known = this.#kept.get(pem)
    if (known) return known
    const certificates = certificatesIn(pem)
    this.#kept.set(pem, certificates)
    return certificates
  }
}
