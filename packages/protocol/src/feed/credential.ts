import { toHex } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { jwkFromSpki, jwkThumbprint } from '../jose/jwk.ts'
import type { Crypto } from '../ports.ts'
import type { SpiffeId } from '../spiffe/id.ts'
import type { IdTemplate } from '../spiffe/id-template.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { Credential } from './types.ts'

/**
 * What a token of this trust domain is to its feed, by the claims `inc` and `lin`. One without an incarnation dies with any
 * death of its agent.
 */
export function tokenCredentialOf(
  id: SpiffeId,
  tenant: string | null,
  { inc, lin }: Readonly<Record<string, unknown>>,
): Credential {
  return {
    id: id.toString(),
    tenant,
    incarnation: typeof inc === 'number' ? inc : 0,
    lineage: typeof lin === 'string' ? lin : null,
    keyThumbprint: '',
    issuerKeyId: null,
  }
}

/**
 * What a proved certificate is to the feed of its own trust domain: never ask the feed of another one. `path` is the
 * leaf and what signed it, as verification gave it; `template` is the one of the newest snapshot.
 *
 * @throws ProtocolError `svid_chain_empty`, `jwk_unsupported`
 */
export function credentialOf(
  { id, path }: { readonly id: SpiffeId; readonly path: readonly Certificate[] },
  template: IdTemplate | null,
  crypto: Crypto,
): Credential {
  const [leaf, issuer] = path
  if (leaf === undefined) throw new ProtocolError('svid_chain_empty', 'expected a certificate, got none')
  const issuerKeyId = issuer?.subjectKeyId ?? leaf.authorityKeyId
  return {
    id: id.toString(),
    tenant: template?.namesIn(id)?.tenant ?? null,
    incarnation: leaf.lanyard?.incarnation ?? 0,
    lineage: leaf.lanyard ? toHex(leaf.lanyard.lineage) : null,
    keyThumbprint: jwkThumbprint(jwkFromSpki(leaf.publicKey.der), crypto),
    issuerKeyId: issuerKeyId ? toHex(issuerKeyId) : null,
  }
}
