import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  authorityKeyId,
  basicConstraints,
  Certificate,
  decodePem,
  extendedKeyUsage,
  fromHex,
  keyUsage,
  signCertificate,
  subjectAltName,
} from '@lanyard/protocol'
import { generateKeyNow } from '@lanyard/protocol/node'
import { csrOf, type HttpHarness, joinNode, openHttp } from '../../packages/server/src/testing/index.ts'
import { askGo, askJava, askOpenssl, isThere, pathLine, type Question } from './opinions.ts'

const read = (pem: string) => decodePem(pem, { labels: ['CERTIFICATE'] }).map(({ der }) => Certificate.fromDer(der))

describe('host names of workloads, judged by others under the constraints of our intermediate', () => {
  const names = ['invoice.svc.test', 'svc.test']
  let server: HttpHarness
  let good: Question
  /** As whoever stole the key of the intermediate would write it. */
  let stolen: Question

  before(async () => {
    server = await openHttp()
    await server.agent({ tenant: 'acme', agent: 'invoice' })
    const tls = await joinNode(server, { name: 'n1', tenant: 'acme' })
    const entry = { tenant: 'acme', agent: 'invoice', selectors: ['unix:uid:1'], dns_names: names }
    const made = await server.call('POST /v1/entries', { token: await server.apiKey('admin'), body: entry })
    const body = { entry: made.body.id, csr: await csrOf(generateKeyNow('P-256')) }
    const issued = await server.call('POST /v1/node/svids/x509', { tls, body })
    const [leaf] = read(issued.body.certificate)
    const path = { intermediates: read(issued.body.chain), roots: read(issued.body.bundle), purpose: 'server' } as const
    const at = Math.floor(server.clock.now() / 1000)
    good = { ...path, leaf: leaf!, at, name: names[0]! }
    stolen = { ...path, leaf: await elsewhere(server, leaf!), at, name: 'example.com' }
  })
  after(() => server.close())

  test('by the openssl program in strict mode', { skip: !isThere('openssl', 'version') }, () => {
    for (const name of names) assert.equal(askOpenssl({ ...good, name }), 'ok')
    assert.match(askOpenssl({ ...good, name: 'other.svc.test' }), /hostname mismatch/)
    assert.match(askOpenssl(stolen), /permitted subtree violation/)
  })

  test("by Go's crypto/x509", { skip: !isThere('go', 'version') }, async () => {
    const [ours, theirs] = await askGo([good, stolen].map(question => pathLine(question, true)))
    assert.equal(ours, 'ok')
    assert.match(theirs!, /not permitted/)
  })

  test("by Java's CertPathValidator", { skip: !isThere('java', '-version') }, async () => {
    const [ours, theirs] = await askJava([good, stolen].map(question => pathLine(question, false)))
    assert.equal(ours, 'ok')
    assert.notEqual(theirs, 'ok')
  })
})

async function elsewhere(server: HttpHarness, leaf: Certificate): Promise<Certificate> {
  const { certificate, signer, keyId } = server.pipeline.authorities.agentsIssuer()
  const { serial, notBefore, notAfter, subject, publicKey } = leaf
  const input = {
    serial,
    notBefore,
    notAfter,
    subject: subject.der,
    spki: publicKey.der,
    issuer: certificate.subject.der,
  }
  const extensions = [
    basicConstraints({ ca: false }),
    keyUsage(['digitalSignature']),
    extendedKeyUsage(['serverAuth', 'clientAuth']),
    authorityKeyId(fromHex(keyId)),
    subjectAltName({ uri: leaf.subjectAltName!.uri, dns: ['example.com'] }, true),
  ]
  return Certificate.fromDer(await signCertificate({ ...input, extensions }, signer))
}
