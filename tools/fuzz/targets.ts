import assert from 'node:assert/strict'
import {
  Bundle,
  basicConstraints,
  buildCsr,
  Certificate,
  checkSvidLeaf,
  DEFAULT_ID_TEMPLATE,
  decodeBase64,
  decodePem,
  encodeBase64,
  encodeName,
  encodePem,
  encodeUtf8,
  extendedKeyUsage,
  IdTemplate,
  jwkFromSpki,
  keyUsage,
  lanyardIdentity,
  nameConstraints,
  parseCsr,
  parseJsonObject,
  parsePublicKey,
  readClientCert,
  readEscapedPem,
  readXfcc,
  SpiffeId,
  signCertificate,
  signCompact,
  signJwtSvid,
  spkiFromJwk,
  subjectAltName,
  TrustDomain,
  tokenAuthority,
  verifyCompact,
  verifyCsr,
  verifyJwtSvid,
} from '@lanyard/protocol'
import { generateKey, generateKeyNow, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { encodeValue, parseValue } from '../../packages/protocol/src/der/value.ts'
import type { FuzzTarget } from './engine.ts'

const signer = nodeSigner(generateKeyNow('P-256'))
const rsa = nodeSigner(await generateKey('RSA'))
const ed25519 = nodeSigner(generateKeyNow('Ed25519'))
const trustDomain = TrustDomain.parse('example.org')
const text = (input: Uint8Array) => Buffer.from(input).toString('latin1')

const leaf = certificate([
  basicConstraints({ ca: false }),
  keyUsage(['digitalSignature']),
  extendedKeyUsage(['serverAuth', 'clientAuth']),
  subjectAltName({ uri: ['spiffe://example.org/a'], dns: ['a.test'], ip: [Uint8Array.of(127, 0, 0, 1)] }, true),
  lanyardIdentity({ incarnation: 1, lineage: new Uint8Array(16) }),
])
const authority = certificate([
  basicConstraints({ ca: true, pathLen: 0 }),
  keyUsage(['keyCertSign', 'cRLSign']),
  nameConstraints({ permitted: { uri: ['example.org'] } }),
])
const requests = [await buildCsr(signer), await buildCsr(rsa), await buildCsr(ed25519)]
const keys = [signer.spki, rsa.spki, ed25519.spki]
const token = await signCompact({ header: { kid: 'k', typ: 'JWT' }, payload: encodeUtf8('{"sub":"a"}') }, signer)
const bundle = Bundle.of({
  trustDomain,
  x509Authorities: [Certificate.fromDer(authority)],
  jwtAuthorities: new Map([['k', tokenAuthority(signer.spki)]]),
  witAuthorities: new Map([['w', tokenAuthority(rsa.spki)]]),
  sequence: 2n ** 63n,
  refreshHint: 300,
})
const [issuedAt, expiresAt] = [1_780_000_000, 1_780_000_300]
const svidInput = { id: SpiffeId.parse('spiffe://example.org/a'), audience: ['b'], kid: 'k', issuedAt, expiresAt }
const svid = (await signJwtSvid(svidInput, signer)) as string

function certificate(extensions: Uint8Array[]): Uint8Array {
  const name = encodeName([
    ['C', 'DE'],
    ['CN', 'Example'],
  ])
  const life = { notBefore: 1_780_000_000, notAfter: 1_790_000_000 }
  const input = { serial: Uint8Array.of(1, 2), issuer: name, subject: name, ...life, spki: rsa.spki, extensions }
  return signCertificate(input, signer) as Uint8Array
}

/** Every parser that reads bytes of strangers. Those who add one add a line here. */
export const targets: readonly FuzzTarget[] = [
  {
    name: 'der',
    seeds: () => [leaf, authority, ...requests, ...keys],
    run: input => assert.deepEqual(encodeValue(parseValue(input)), new Uint8Array(input)),
  },
  { name: 'certificate', seeds: () => [leaf, authority], run: readCertificate },
  { name: 'svid leaf', seeds: () => [leaf], run: input => void checkSvidLeaf(Certificate.fromDer(input)) },
  { name: 'csr', seeds: () => requests, run: readRequest },
  {
    name: 'public key',
    seeds: () => keys,
    run: input => assert.deepEqual(parsePublicKey(input).der, new Uint8Array(input)),
  },
  {
    name: 'pem',
    seeds: () => [leaf, authority].map(der => Buffer.from(encodePem('CERTIFICATE', der))),
    run: input =>
      decodePem(text(input), { labels: ['CERTIFICATE'] }).map(({ label, der }) =>
        decodePem(encodePem(label, der), { labels: [label] }),
      ),
  },
  {
    name: 'base64',
    seeds: () => keys.map(key => Buffer.from(encodeBase64(key))),
    run: input => assert.equal(encodeBase64(decodeBase64(text(input))), text(input)),
  },
  {
    name: 'json',
    seeds: () => [encodeUtf8('{"keys":[{"kty":"EC","n":1.5e3,"x":"\\u0041é","y":null}],"a":true}')],
    run: input => parseJsonObject(Buffer.from(input).toString(), { maxLength: 10_000, maxDepth: 8 }),
  },
  { name: 'jwk', seeds: () => keys.map(key => encodeUtf8(JSON.stringify(jwkFromSpki(key)))), run: readJwk },
  { name: 'jws', seeds: () => [encodeUtf8(token)], run: readToken },
  { name: 'spiffe id', seeds: () => [encodeUtf8('spiffe://example.org/tenant/acme')], run: readSpiffeId },
  {
    name: 'bundle',
    seeds: () => [encodeUtf8(bundle.toJson())],
    run: readBundle,
  },
  { name: 'jwt-svid', seeds: () => [encodeUtf8(svid)], run: readJwtSvid },
  { name: 'id template', seeds: () => [encodeUtf8(DEFAULT_ID_TEMPLATE)], run: readTemplate },
  {
    name: 'client-cert',
    seeds: () => [encodeUtf8([leaf, authority].map(item).join('|'))],
    run(input) {
      const [first = '', ...lines] = text(input).split('|')
      const [own, ...chain] = readClientCert(first, lines)
      assert.deepEqual(readClientCert(item(own), chain.map(item)), [own, ...chain])
    },
  },
  {
    name: 'escaped pem',
    seeds: () => [encodeUtf8(escaped(leaf, authority))],
    run(input) {
      const chain = readEscapedPem(text(input))
      assert.deepEqual(readEscapedPem(escaped(...chain)), chain)
    },
  },
  {
    name: 'xfcc',
    seeds: () => [
      encodeUtf8(`By=a;Hash=b;Cert="${escaped(leaf)}";Chain="${escaped(leaf, authority)}";Subject="\\"x";URI=c`),
    ],
    run(input) {
      const chain = readXfcc(text(input))
      assert.deepEqual(readXfcc(`Chain="${escaped(...chain)}"`), chain)
    },
  },
]

const item = (der: Uint8Array) => `:${encodeBase64(der)}:`
const escaped = (...ders: readonly Uint8Array[]) =>
  encodeURIComponent(ders.map(der => encodePem('CERTIFICATE', der)).join(''))

function readCertificate(input: Uint8Array): void {
  assert.deepEqual(Certificate.fromDer(input).der, new Uint8Array(input))
  assert.deepEqual(encodeValue(parseValue(input)), new Uint8Array(input))
}

// Whatever proves a key has to be one of the requests that were made.
function readRequest(input: Uint8Array): void {
  parseCsr(input)
  verifyCsr(input, nodeCrypto)
  assert.ok(
    requests.some(request => Buffer.compare(request, input) === 0),
    'a changed request proved a key',
  )
}

function readJwk(input: Uint8Array): void {
  const spki = spkiFromJwk(parseJsonObject(Buffer.from(input).toString(), { maxLength: 10_000, maxDepth: 4 }))
  assert.deepEqual(parsePublicKey(spki).der, spki)
}

function readToken(input: Uint8Array): void {
  const known = new Map([['k', { algorithm: signer.algorithm, spki: signer.spki }]])
  verifyCompact(text(input), known, { typ: 'JWT', algorithms: [signer.algorithm] }, nodeCrypto)
  assert.equal(text(input), token, 'a changed token was accepted')
}

function readSpiffeId(input: Uint8Array): void {
  const uri = text(input)
  assert.equal(`${SpiffeId.parse(uri)}`, uri)
}

function readBundle(input: Uint8Array): void {
  const written = Bundle.parse(trustDomain, Buffer.from(input).toString()).toJson()
  assert.equal(Bundle.parse(trustDomain, written).toJson(), written)
}

// With a signature that always holds, so that what lies behind it is reached.
function readJwtSvid(input: Uint8Array): void {
  const request = { token: text(input), audience: 'b', bundles: () => bundle, at: issuedAt }
  const { id, claims } = verifyJwtSvid(request, { ...nodeCrypto, verify: () => true })
  assert.equal(`${id}`, claims.sub)
  assert.ok(id.memberOf(trustDomain))
}

function readTemplate(input: Uint8Array): void {
  const template = IdTemplate.parse(text(input))
  assert.equal(`${template}`, text(input))
  assert.ok(template.render(trustDomain, 'acme', 'a').memberOf(trustDomain))
}
