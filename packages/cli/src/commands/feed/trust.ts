import { Certificate, FeedVerifier, SpiffeId } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { certificatesIn } from '../../certificate-files.ts'
import { Misuse } from '../../problem.ts'

/** What believes the lines of the trust domain whose roots these are (PEM). Throws {@link Misuse}. */
export function verifierFor(ca: string): FeedVerifier {
  const roots = certificatesIn(Buffer.from(ca)).map(der => Certificate.fromDer(der))
  const [uri, ...more] = roots[0]?.subjectAltName?.uri ?? []
  if (uri === undefined || more.length > 0)
    throw new Misuse('expected a root with one SPIFFE ID, that of its trust domain')
  const { trustDomain } = SpiffeId.parse(uri)
  return new FeedVerifier({ trustDomain, roots: () => roots, crypto: nodeCrypto })
}
