import { encodeUtf8, signCompact } from '@lanyard/protocol'
import { type OpenStore, signHeads } from '../store/index.ts'
import type { NamedSigner } from './authorities.ts'

/** `typ` of a signed head of an event chain. */
export const HEAD_TYP = 'lanyard-head+jws'

/**
 * Signs where this instance's event chains stand at `at` (Unix ms), so that whoever changes a row behind a head would
 * have to forge a signature. A chain that did not grow is left out: its last head says all.
 */
export const signEventHeads = (data: OpenStore, { kid, signer }: NamedSigner, at: number): Promise<unknown> =>
  signHeads(data, at, ({ instance, chain, seq, hash, at: at_ms }) => {
    const claims = { trust_domain: data.trustDomain, instance, chain, seq, hash, at_ms }
    return signCompact({ header: { kid, typ: HEAD_TYP }, payload: encodeUtf8(JSON.stringify(claims)) }, signer)
  })
