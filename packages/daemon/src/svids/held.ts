import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { NodeEntry } from '@lanyard/api'
import {
  type Bundle,
  type Credential,
  credentialOf,
  encodePem,
  equalBytes,
  ProtocolError,
  SpiffeId,
  verifyX509Svid,
} from '@lanyard/protocol'
import { nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { certificatesOf } from '@lanyard/sdk/authority'
import type { HeldSvid } from '../ports.ts'

/** What `POST /v1/node/svids/x509` gives, as far as it is used. */
export interface IssuedSvid {
  readonly certificate: string
  readonly chain: string
  readonly spiffe_id: string
  readonly lineage: string
  readonly incarnation: number
  readonly renew_after: string
}

/** An SVID, what of it can die, and when the next one is due (Unix milliseconds of the authority). */
export interface Kept {
  readonly svid: HeldSvid
  readonly credential: Credential
  readonly renewAfter: number
}

/**
 * An SVID from a reply: its leaf belongs to the key, proves the ID of the entry, and lies under the bundle.
 *
 * @throws ProtocolError, TypeError for what does not fit; nothing of it is handed on
 */
export function keep(entry: NodeEntry, reply: IssuedSvid, key: KeyObject, bundle: Bundle): Kept {
  const chain = [...certificatesOf(reply.certificate), ...(reply.chain === '' ? [] : certificatesOf(reply.chain))]
  const leaf = chain[0]
  if (leaf === undefined || !equalBytes(leaf.publicKey.der, spkiOf(key)))
    throw new TypeError('expected the certificate of the own key, got that of another')
  const bundles = () => bundle
  const { id, path } = verifyX509Svid({ chain, bundles, at: leaf.notAfter }, nodeCrypto)
  if (id.toString() !== entry.spiffe_id)
    throw new ProtocolError('spiffe_id_mismatch', `expected ${entry.spiffe_id}, got ${id}`)
  const svid: HeldSvid = {
    entry,
    id: SpiffeId.parse(entry.spiffe_id),
    chain,
    key,
    keyDer: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })),
    lineage: reply.lineage,
    incarnation: reply.incarnation,
    serial: leaf.serialHex,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    hint: entry.hint,
  }
  const credential = { ...credentialOf({ id, path }, null, nodeCrypto), tenant: entry.tenant }
  return { svid, credential, renewAfter: Date.parse(reply.renew_after) || middle(svid) }
}

/** For the disk: with the key. */
export function toText({ svid, renewAfter }: Kept): string {
  const [leaf, ...others] = svid.chain.map(({ der }) => encodePem('CERTIFICATE', der))
  return JSON.stringify({
    entry: svid.entry,
    certificate: leaf,
    chain: others.join(''),
    spiffe_id: svid.id.toString(),
    lineage: svid.lineage,
    incarnation: svid.incarnation,
    renew_after: new Date(renewAfter).toISOString(),
    key: svid.key.export({ format: 'pem', type: 'pkcs8' }),
  })
}

/** From {@link toText}; throws as {@link keep}. */
export function fromText(text: string, bundle: Bundle): Kept {
  const { entry, key, ...reply } = JSON.parse(text) as IssuedSvid & { entry: NodeEntry; key: string }
  return keep(entry, reply, createPrivateKey(key), bundle)
}

const middle = ({ notBefore, notAfter }: HeldSvid) => ((notBefore + notAfter) / 2) * 1000
