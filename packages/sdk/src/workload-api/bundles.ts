import {
  Bundle,
  type BundleSource,
  bundleSource,
  Certificate,
  isJsonObject,
  MAX_BUNDLE_LENGTH,
  parseJsonObject,
  TrustDomain,
} from '@lanyard/protocol'

/** What trust domains are called in maps of the Workload API. */
const SCHEME = 'spiffe://'

/** Bundles of a moment, by trust domain; one of a trust domain that is not among them is not trusted any more. */
export class BundleSet implements Iterable<Bundle> {
  readonly #byName: ReadonlyMap<string, Bundle>
  /** The same, as what verifies takes it. */
  readonly source: BundleSource

  constructor(bundles: Iterable<Bundle>) {
    this.#byName = new Map(Array.from(bundles, bundle => [bundle.trustDomain.name, bundle]))
    this.source = bundleSource(...this.#byName.values())
  }

  /** The bundle of exactly this trust domain; undefined for one that is not trusted. */
  get(trustDomain: string | TrustDomain): Bundle | undefined {
    return this.#byName.get(typeof trustDomain === 'string' ? TrustDomain.parse(trustDomain).name : trustDomain.name)
  }

  get size(): number {
    return this.#byName.size
  }

  [Symbol.iterator](): IterableIterator<Bundle> {
    return this.#byName.values()
  }
}

/** @throws ProtocolError for a name that is not one of a trust domain, with or without `spiffe://` before it */
export function trustDomainOf(name: string): TrustDomain {
  return TrustDomain.parse(name.startsWith(SCHEME) ? name.slice(SCHEME.length) : name)
}

/** The X.509 authorities of a trust domain, one behind the other in DER. Throws ProtocolError. */
export function x509Bundle(trustDomain: TrustDomain, der: Uint8Array): Bundle {
  return Bundle.of({ trustDomain, x509Authorities: certificatesInARow(der) })
}

/** Certificates that stand one behind the other, as the Workload API sends chains and bundles. Throws ProtocolError. */
export function certificatesInARow(der: Uint8Array): Certificate[] {
  const certificates: Certificate[] = []
  for (let rest = der; rest.length > 0; ) {
    const length = lengthOfFirst(rest)
    certificates.push(Certificate.fromDer(rest.slice(0, length)))
    rest = rest.subarray(length)
  }
  return certificates
}

/** How long the first element is, its head included; of what is no sequence all there is, which no parser will take. */
function lengthOfFirst(der: Uint8Array): number {
  const [tag, first = 0] = der
  if (tag !== 0x30 || first === 0x80) return der.length
  if (first < 0x80) return 2 + first
  const digits = first & 0x7f
  if (digits > 3) return der.length
  return der.subarray(2, 2 + digits).reduce((length, byte) => length * 256 + byte, 0) + 2 + digits
}

/**
 * The JWT authorities of a trust domain from their JWKS. Here, unlike in a bundle document, keys may come without `use`:
 * SPIRE sends them so, and there is nothing else that they could be for.
 *
 * @throws ProtocolError as {@link Bundle.parse}
 */
export function jwtBundle(trustDomain: TrustDomain, json: string): Bundle {
  return tokenBundle(trustDomain, json, 'jwt-svid')
}

/** The WIT authorities of a trust domain. Throws ProtocolError. */
export function witBundle(trustDomain: TrustDomain, json: string): Bundle {
  return tokenBundle(trustDomain, json, 'wit-svid')
}

function tokenBundle(trustDomain: TrustDomain, json: string, use: string): Bundle {
  const { keys } = parseJsonObject(json, { maxLength: MAX_BUNDLE_LENGTH, maxDepth: 8, exactIntegers: true })
  // Whatever is wrong with it, the parser of bundles says so.
  if (!Array.isArray(keys)) return Bundle.parse(trustDomain, json)
  const named = keys.map(key => (isJsonObject(key) && key.use === undefined ? { ...key, use } : key))
  const wanted = named.filter(key => !isJsonObject(key) || key.use === use)
  return Bundle.parse(trustDomain, JSON.stringify({ keys: wanted }, plain))
}

/** JSON.stringify knows no bigint; none of the members that are read is a number. */
const plain = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
