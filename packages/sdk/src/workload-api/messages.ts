import { many, map, message, OCTETS, one, TEXT } from './protobuf.ts'

// SPIFFE Workload API, 5 to 7: field numbers as there.

export const EMPTY = message({})

const X509Svid = message({
  spiffeId: one(1, TEXT),
  /** DER, the leaf first. */
  chain: one(2, OCTETS),
  /** PKCS#8, DER. */
  key: one(3, OCTETS),
  /** DER, one after the other. */
  bundle: one(4, OCTETS),
  hint: one(5, TEXT),
})

export const X509SvidResponse = message({
  svids: many(1, X509Svid),
  crl: many(2, OCTETS),
  federatedBundles: map(3, OCTETS),
})

export const X509BundlesResponse = message({ crl: many(1, OCTETS), bundles: map(2, OCTETS) })

export const JwtSvidRequest = message({ audience: many(1, TEXT), spiffeId: one(2, TEXT) })
export const JwtSvidResponse = message({
  svids: many(1, message({ spiffeId: one(1, TEXT), svid: one(2, TEXT), hint: one(3, TEXT) })),
})

export const JwtBundlesResponse = message({ bundles: map(1, OCTETS) })

export const WitSvidRequest = message({ spiffeId: one(1, TEXT) })
export const WitSvidResponse = message({
  svids: many(
    1,
    message({
      spiffeId: one(1, TEXT),
      svid: one(2, TEXT),
      /** JWK of the private key. */
      key: one(3, TEXT),
      hint: one(4, TEXT),
    }),
  ),
})

export const WitBundlesResponse = message({ bundles: map(1, TEXT) })

export const ValidateJwtSvidRequest = message({ audience: one(1, TEXT), svid: one(2, TEXT) })
