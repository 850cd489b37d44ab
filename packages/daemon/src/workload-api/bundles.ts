import type { Bundle } from '@lanyard/protocol'
import type { Bundles } from '../ports.ts'

/** A bundle for each trust domain, our own first, by `spiffe://<name>`. Never merged: each is good for its own alone. */
export function byTrustDomain<T>({ own, federated }: Bundles, write: (bundle: Bundle) => T): Record<string, T> {
  const all = [own, ...federatedOf(federated)]
  return Object.fromEntries(all.map(bundle => [idOf(bundle), write(bundle)]))
}

/** Federated bundles by `spiffe://<name>`. */
export function federatedByTrustDomain<T>({ federated }: Bundles, write: (bundle: Bundle) => T): Record<string, T> {
  return Object.fromEntries(federatedOf(federated).map(bundle => [idOf(bundle), write(bundle)]))
}

/** The name of a trust domain where the standard asks for its SPIFFE ID: `spiffe://<name>`. */
export const idOf = ({ trustDomain }: Bundle): string => `spiffe://${trustDomain.name}`

// In one order always, so that the same bundles make the same message.
function federatedOf(federated: Bundles['federated']): Bundle[] {
  return [...federated.values()].sort((a, b) => (a.trustDomain.name < b.trustDomain.name ? -1 : 1))
}

/** Roots in DER, one after the other. */
export function rootsOf({ x509Authorities }: Bundle): Uint8Array<ArrayBuffer> {
  return derOf(x509Authorities)
}

/** Certificates in DER, one after the other. */
export function derOf(certificates: readonly { readonly der: Uint8Array }[]): Uint8Array<ArrayBuffer> {
  return Buffer.concat(certificates.map(({ der }) => der))
}

/**
 * The keys of one use as a JWK Set, without `use`: readers of plain JWK Sets know `sig` and `enc` only (SPIFFE Workload API,
 * 6.2.2: keys for another use must not be there).
 */
export function keySetOf(bundle: Bundle, use: 'jwt-svid' | 'wit-svid'): string {
  const all: { use: string }[] = JSON.parse(bundle.toJson()).keys
  return JSON.stringify({ keys: all.filter(key => key.use === use).map(({ use: _, ...key }) => key) })
}
