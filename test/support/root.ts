import { Certificate, decodePem } from '@lanyard/protocol'

/** The one certificate in a PEM file. */
export function certificateOf(pem: string): Certificate {
  const [block] = decodePem(pem, { labels: ['CERTIFICATE'], maxBytes: 65_536, maxBlocks: 1 })
  return Certificate.fromDer(block!.der)
}
