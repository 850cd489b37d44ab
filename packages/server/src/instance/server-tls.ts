import type { AllowedNames, CaPorts } from '@lanyard/authority'
import { createServerCertificate, isReplacementDue } from '@lanyard/authority'
import { type Certificate, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import type { ServerTls } from '../http/ports.ts'
import { generatePrivateKey } from '../keys/generate.ts'
import type { Wanted } from './authority-plan.ts'
import type { Certified, HeldKey, KeptKey } from './held-key.ts'

/** The server's own certificate with its key, which is made anew with each and never stored. */
export interface OwnTls extends ServerTls {
  readonly certificate: Certificate
  readonly issuerKeyId: string
}

export async function makeServerTls(
  wanted: Wanted & { readonly serverNames: AllowedNames },
  service: Certified<HeldKey>,
  root: Certified<KeptKey>,
  at: number,
  ports: CaPorts,
): Promise<OwnTls> {
  const { trustDomain, instance, serverNames: names } = wanted
  const privateKey = await generatePrivateKey('P-256')
  const { spki } = nodeSigner(privateKey)
  const certify = (of: AllowedNames) =>
    createServerCertificate({ trustDomain, instance, spki, at, names: of }, service, root.certificate, ports)
  const chainOf = (leaf: Certificate) =>
    [leaf, service.certificate].map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  const certificate = await certify(names)
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: chainOf(certificate),
    namedCert: chainOf(await certify({ ...names, ips: [] })),
    certificate,
    issuerKeyId: service.keyId,
  }
}

/** Half of its life is over, or the intermediate that signed it was replaced. */
export const isServerTlsDue = (tls: OwnTls, service: KeptKey, at: number): boolean =>
  isReplacementDue(tls.certificate, at) || tls.issuerKeyId !== service.keyId
