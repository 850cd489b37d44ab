import { createPrivateKey } from 'node:crypto'
import { concat, decodePem } from '@lanyard/protocol'
import type { Svid } from '../identity/svid.ts'
import { X509SvidResponse } from '../workload-api/messages.ts'

/** What a Workload API sends of an SVID. */
export interface SvidToSend {
  readonly svid: Pick<Svid, 'id' | 'certificate' | 'chain' | 'bundle' | 'privateKeyPem'>
  readonly hint?: string
}

const der = (pem: string) => concat(...decodePem(pem, { labels: ['CERTIFICATE'] }).map(block => block.der))

/** The message of FetchX509SVID with these, and with the bundles (PEM) of others. */
export function x509Response(
  svids: readonly SvidToSend[],
  federated: Readonly<Record<string, string>> = {},
): Uint8Array {
  return X509SvidResponse.encode({
    svids: svids.map(({ svid, hint = '' }) => ({
      spiffeId: `${svid.id}`,
      chain: der(svid.certificate + svid.chain),
      key: createPrivateKey(svid.privateKeyPem()).export({ format: 'der', type: 'pkcs8' }),
      bundle: der(svid.bundle),
      hint,
    })),
    federatedBundles: new Map(Object.entries(federated).map(([name, pem]) => [name, der(pem)])),
  })
}
