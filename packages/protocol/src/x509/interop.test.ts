import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import * as peculiar from '@peculiar/x509'
import type { KeyType } from '../algorithms.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { generateKey } from '../node/generate.ts'
import { TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { decodePem } from '../pem.ts'
import { bytesOf, codeOf } from '../refusals.suite.ts'
import { Certificate } from './certificate.ts'
import { parseCsr, verifyCsr } from './csr.ts'
import { lanyardIdentity } from './extension-encoders.ts'
import { opensslMissing, runScript } from './openssl.suite.ts'
import { ourOpinion, peculiarOpinion } from './opinions.suite.ts'

const missing = opensslMissing()
const TYPES: readonly KeyType[] = ['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519']
const lineage = bytesOf('000102030405060708090a0b0c0d0e0f')
const derOf = (pem: string, label: string) => decodePem(pem, { labels: [label] })[0]!.der

/** Root, intermediate and an SVID without a subject, all with keys of one type. */
async function chainOf(
  type: KeyType,
  life: TestCertificate,
): Promise<{ root: TestIdentity; ca: TestIdentity; leaf: TestIdentity }> {
  const [rootKey, caKey, leafKey] = await Promise.all([generateKey(type), generateKey(type), generateKey(type)])
  const limits = { permitted: { uri: ['example.org'], dns: ['example.org'] }, pathLen: 0 }
  const root = TestIdentity.root({ ...life, key: rootKey })
  const ca = root.ca({ ...life, ...limits, key: caKey })
  const names = { uri: ['spiffe://example.org/tenant/acme/agent/billing'], dns: ['billing.example.org'] }
  const extensions = { lanyard: lanyardIdentity({ incarnation: 1, lineage }) }
  return { root, ca, leaf: ca.leaf({ ...life, key: leafKey, subject: '', names, extensions }) }
}

describe('ours are accepted', () => {
  it('by openssl verify, as servers and as clients', { skip: missing }, async () => {
    const chains = await Promise.all(TYPES.map(type => chainOf(type, {})))
    const files = Object.fromEntries(chains.map(({ leaf }, index) => [`${index}.leaf`, leaf.pem]))
    const together = {
      'roots.pem': chains.map(({ root }) => root.pem).join(''),
      'cas.pem': chains.map(({ ca }) => ca.pem).join(''),
    }
    const common = `-x509_strict -attime ${TEST_TIME} -CAfile roots.pem -untrusted cas.pem *.leaf`
    for (const purpose of ['sslserver', 'sslclient']) {
      const { output } = runScript(`openssl verify -purpose ${purpose} ${common}`, { ...files, ...together })
      assert.equal(output.match(/: OK$/gm)?.length, TYPES.length)
    }
  })

  for (const type of TYPES)
    it(`by the TLS of Node.js in both directions, ${type}`, async () => {
      const now = Math.floor(Date.now() / 1000)
      const { root, ca, leaf } = await chainOf(type, { notBefore: now - 60, notAfter: now + 600 })
      const own = { key: leaf.keyPem, cert: leaf.pem + ca.pem, ca: root.pem }
      const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect({ ...own, port, host: '127.0.0.1', servername: 'billing.example.org' })
      const [[accepted]] = (await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')])) as [
        [TLSSocket],
        unknown,
      ]
      assert.deepEqual([accepted.authorized, client.authorized], [true, true])
      for (const socket of [accepted, client]) {
        const peer = Certificate.fromDer(socket.getPeerX509Certificate()!.raw)
        assert.ok(peer.equals(leaf.certificate))
        socket.destroy()
      }
      server.close()
      await once(server, 'close')
    })
})

const CONFIG = `
[req]
distinguished_name = dn
[dn]
[full]
basicConstraints = critical,CA:TRUE,pathlen:3
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
extendedKeyUsage = serverAuth,clientAuth,codeSigning
subjectAltName = DNS:a.example.org,IP:192.0.2.1,IP:2001:db8::1,URI:spiffe://example.org/a,email:a@example.org,dirName:dn_alt,RID:1.2.3.4,otherName:1.2.3.4;UTF8:some
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer:always
certificatePolicies = 1.2.3.4,@policy
policyConstraints = requireExplicitPolicy:1
inhibitAnyPolicy = 2
nameConstraints = critical,permitted;DNS:example.org,permitted;IP:192.0.2.0/255.255.255.0,excluded;URI:.evil.test,permitted;dirName:dn_alt
crlDistributionPoints = URI:http://crl.example.org/a.crl,URI:http://crl.example.org/b.crl
authorityInfoAccess = OCSP;URI:http://ocsp.example.org,caIssuers;URI:http://ca.example.org/ca.crt
tlsfeature = status_request
nsComment = "some comment"
1.2.3.4.5 = ASN1:SEQUENCE:anything
[dn_alt]
C = DE
O = Example
[policy]
policyIdentifier = 1.2.3.5
CPS.1 = "http://cps.example.org"
userNotice.1 = @notice
[notice]
explicitText = "UTF8:a notice"
[anything]
a = BOOLEAN:TRUE
b = UTF8:text
[csr]
prompt = no
distinguished_name = dn_csr
attributes = attributes
req_extensions = requested
[dn_csr]
C = DE
O = Exämple
CN = billing
[attributes]
challengePassword = secret
unstructuredName = some name
[requested]
basicConstraints = CA:FALSE
subjectAltName = DNS:admin.example.org
`

const SCRIPT = `
new() { openssl genpkey -quiet -out $1.key -algorithm "$2" $3 2>/dev/null || openssl genpkey -out $1.key -algorithm "$2" $3 2>/dev/null; }
new rsa RSA "-pkeyopt rsa_keygen_bits:2048"
new p256 EC "-pkeyopt ec_paramgen_curve:P-256"
new p384 EC "-pkeyopt ec_paramgen_curve:P-384"
new p521 EC "-pkeyopt ec_paramgen_curve:P-521"
new ed25519 ED25519
new ed448 ED448
new k256 EC "-pkeyopt ec_paramgen_curve:secp256k1"
new explicit EC "-pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit"
openssl ec -in p256.key -conv_form compressed -out compressed.key 2>/dev/null
for key in rsa p256 p384 p521 ed25519 ed448 k256 explicit compressed; do
  openssl req -x509 -new -config config -utf8 -key $key.key -subj "/C=DE/O=Exämple/CN=$key" -days 3650 -extensions full -out $key.crt
  openssl req -new -config config -utf8 -section csr -key $key.key -out $key.csr
done
openssl req -x509 -new -config config -key rsa.key -subj /CN=pss -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out pss.crt
openssl req -new -config config -key rsa.key -subj / -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out pss.csr
openssl req -x509 -new -config config -key rsa.key -subj /CN=sha1 -sha1 -extensions full -out sha1.crt
openssl req -x509 -new -config config -key p256.key -subj /CN=multi+O=Example -multivalue-rdn -days 20000 -out late.crt
openssl x509 -req -in p256.csr -signkey p256.key -out v1.crt 2>/dev/null
`

describe('what openssl makes is read', { skip: missing }, () => {
  const files = missing ? {} : runScript(SCRIPT, { config: CONFIG }).files
  const certificate = (name: string) => Certificate.fromDer(derOf(files[`${name}.crt`]!, 'CERTIFICATE'))
  const request = (name: string) => derOf(files[`${name}.csr`]!, 'CERTIFICATE REQUEST')

  it('certificates with every extension that it knows', () => {
    const full = certificate('p256')
    assert.deepEqual(full.basicConstraints, { critical: true, ca: true, pathLen: 3 })
    assert.deepEqual(full.keyUsage, new Set(['digitalSignature', 'keyCertSign', 'cRLSign']))
    assert.equal(full.extendedKeyUsage?.length, 3)
    const { dns, ip, uri, email, directoryName, other } = full.subjectAltName!
    assert.deepEqual([dns, uri, email], [['a.example.org'], ['spiffe://example.org/a'], ['a@example.org']])
    assert.deepEqual(ip, [bytesOf('c0000201'), bytesOf('20010db8000000000000000000000001')])
    assert.deepEqual(
      directoryName[0]?.attributes.map(({ text }) => text),
      ['DE', 'Example'],
    )
    assert.deepEqual(
      other.map(({ tag }) => tag),
      [8, 0],
    )
    assert.deepEqual(full.nameConstraints?.permitted.ip, [bytesOf('c0000200ffffff00')])
    assert.deepEqual(full.nameConstraints?.excluded.uri, ['.evil.test'])
    assert.deepEqual(full.crlDistributionPoints, ['http://crl.example.org/a.crl', 'http://crl.example.org/b.crl'])
    assert.deepEqual(full.authorityInfoAccess?.caIssuers, ['http://ca.example.org/ca.crt'])
    assert.equal(full.extensions.length, 15)
  })

  for (const type of ['rsa', 'p256', 'p384', 'p521', 'ed25519', 'pss'])
    it(`certificates and requests, and their signatures verified: ${type}`, () => {
      const { signatureAlgorithm, publicKey, tbs, signature } = certificate(type)
      assert.equal(nodeCrypto.verify(signatureAlgorithm!, publicKey.der, tbs, signature, 'der'), true)
      assert.deepEqual(verifyCsr(request(type), nodeCrypto), { ...publicKey })
    })

  it('certificates that nothing here would verify', () => {
    for (const [name, signatureOid] of [
      ['ed448', '1.3.101.113'],
      ['sha1', '1.2.840.113549.1.1.5'],
    ] as const) {
      const { signatureAlgorithm, signatureOid: found } = certificate(name)
      assert.deepEqual([signatureAlgorithm, found], [null, signatureOid])
    }
    assert.deepEqual([certificate('k256').publicKey.type, certificate('k256').publicKey.curve], [null, '1.3.132.0.10'])
    for (const name of ['ed448', 'k256'])
      assert.equal(
        codeOf(() => verifyCsr(request(name), nodeCrypto)),
        'key_type_forbidden',
      )
  })

  it('version 1, and times beyond 2049', () => {
    assert.equal(certificate('v1').version, 1)
    assert.ok(certificate('late').notAfter > 2_524_608_000)
    assert.deepEqual(
      certificate('late')
        .subject.attributes.map(({ text }) => text)
        .toSorted(),
      ['Example', 'multi'],
    )
  })

  it('but no curve of its own, and no compressed point', () => {
    assert.equal(
      codeOf(() => certificate('explicit')),
      'public_key_curve_explicit',
    )
    assert.equal(
      codeOf(() => parseCsr(request('explicit'))),
      'csr_invalid',
    )
    assert.equal(
      codeOf(() => certificate('compressed')),
      'public_key_malformed',
    )
  })
})

describe('what @peculiar/x509 makes is read', () => {
  const ALGORITHMS = {
    RSA: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
    'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
    'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    Ed25519: { name: 'Ed25519' },
  }
  peculiar.cryptoProvider.set(webcrypto as peculiar.CryptoProvider extends { get(): infer C } ? C : never)
  const extensions = [
    new peculiar.BasicConstraintsExtension(true, 2, true),
    new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign, true),
    new peculiar.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.2.3.4']),
    new peculiar.SubjectAlternativeNameExtension([
      { type: 'dns', value: 'a.example.org' },
      { type: 'url', value: 'spiffe://example.org/a' },
      { type: 'ip', value: '192.0.2.1' },
    ]),
    new peculiar.CertificatePolicyExtension(['1.2.3.4']),
  ]

  for (const [type, algorithm] of Object.entries(ALGORITHMS))
    it(`a certificate and a request, ${type}`, async () => {
      const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
      const common = { keys, signingAlgorithm: algorithm, extensions }
      const name = 'C=DE, O=Exämple, CN=a'
      const theirs = await peculiar.X509CertificateGenerator.createSelfSigned({ ...common, name, serialNumber: '0102' })
      const ours = Certificate.fromDer(new Uint8Array(theirs.rawData))
      const opinion = peculiarOpinion(ours.der)
      const same = Object.fromEntries(Object.keys(opinion).map(field => [field, ourOpinion(ours)[field]]))
      assert.deepEqual(opinion, same)
      const { signatureAlgorithm, publicKey, tbs, signature } = ours
      assert.equal(nodeCrypto.verify(signatureAlgorithm!, publicKey.der, tbs, signature, 'der'), true)
      const csr = await peculiar.Pkcs10CertificateRequestGenerator.create({ ...common, name })
      assert.deepEqual(verifyCsr(new Uint8Array(csr.rawData), nodeCrypto).der, publicKey.der)
    })
})
