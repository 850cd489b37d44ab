import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rootCertificates } from 'node:tls'
import { decodePem } from '../pem.ts'
import { Certificate } from './certificate.ts'
import { checkKey } from './certificate-rules.ts'
import { ChainWork } from './chain-work.ts'
import { checkIssuer } from './issuer-rules.ts'
import { formatName } from './name.ts'
import { PathMember } from './path-member.ts'

// No subjectKeyIdentifier (RFC 5280, 4.2.1.2).
const REFUSED = ['C=TW, O=TAIWAN-CA, OU=Root CA, CN=TWCA Global Root CA']

const LIMITS = { labels: ['CERTIFICATE'], maxBytes: 20_000, maxBlocks: 1 }

describe('roots of the web', () => {
  it('have a place in our chains, but for those that are named', () => {
    const certificates = rootCertificates.map(pem => Certificate.fromDer(decodePem(pem, LIMITS)[0]!.der))
    assert.ok(certificates.length > 100)
    const refused = certificates.filter(certificate => !mayStandAsRoot(certificate))
    for (const { subject } of refused) assert.ok(REFUSED.includes(formatName(subject)), formatName(subject))
  })
})

function mayStandAsRoot(certificate: Certificate): boolean {
  const root = new PathMember(certificate, true)
  try {
    checkKey(certificate)
    checkIssuer(root, [], { at: certificate.notBefore, purpose: 'serverAuth' }, new ChainWork())
    return root.hintAt(root) !== -1
  } catch {
    return false
  }
}
