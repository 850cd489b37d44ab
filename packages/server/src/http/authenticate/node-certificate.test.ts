import assert from 'node:assert/strict'
import { type KeyObject, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  authorityKeyId,
  basicConstraints,
  Certificate,
  checkSvidLeaf,
  decodePem,
  encodeName,
  encodePem,
  extendedKeyUsage,
  fromHex,
  keyIdentifier,
  keyUsage,
  parsePublicKey,
  signCertificate,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { type Held, type HttpHarness, openHttp, pemOf } from '../../testing/http.ts'
import { Machine } from '../../testing/machines.ts'
import { type HeldNode, joinNode } from '../../testing/nodes.ts'

let server: HttpHarness
let node: HeldNode
let agent: Held

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 } })
  await server.agent({ tenant: 'acme', agent: 'a1' })
  agent = await server.certificate({ tenant: 'acme', agent: 'a1' })
  node = await joinNode(server, { name: 'n1', tenant: 'acme' })
})
after(() => server.close())

const renew = (tls: { key: string; cert: string }) => server.call('POST /v1/node/renew', { tls })
const ID = 'spiffe://example.test/lanyard/node/acme/n1'

interface Forgery {
  readonly key?: KeyObject
  readonly uri?: readonly string[]
  readonly dns?: readonly string[]
  readonly usage?: Parameters<typeof keyUsage>[0]
  readonly purposes?: Parameters<typeof extendedKeyUsage>[0]
  readonly ca?: boolean
  readonly begins?: number
  readonly ends?: number
}

/** What an instance signs whose intermediate somebody else has: all that a certificate can say is right. */
async function forged(wish: Forgery = {}) {
  const { key = node.privateKey, uri = [ID], dns = [], usage = ['digitalSignature'], ca = false } = wish
  const { purposes = ['lanyardNode'], begins = -10, ends = 3600 } = wish
  const issuer = server.pipeline.authorities.agentsIssuer()
  const now = Math.floor(server.clock.now() / 1000)
  const input = {
    subject: encodeName([['CN', 'x']]),
    issuer: issuer.certificate.subject.der,
    spki: spkiOf(key),
    ...{ serial: randomBytes(16).fill(0x41, 0, 1), notBefore: now + begins, notAfter: now + ends },
    extensions: [
      basicConstraints({ ca }),
      keyUsage(usage),
      extendedKeyUsage(purposes),
      subjectAltName({ uri: [...uri], dns: [...dns] }, false),
      subjectKeyId(keyIdentifier(parsePublicKey(spkiOf(key)).keyBits, nodeCrypto)),
      authorityKeyId(fromHex(issuer.keyId)),
    ],
  }
  const cert = encodePem('CERTIFICATE', await signCertificate(input, issuer.signer)) + issuer.chainPem
  return { key: pemOf(key), cert }
}

test('the key counts, and the name that it is known by', async () => {
  assert.equal((await renew(await forged())).status, 201)
  assert.equal((await renew(await forged({ key: generateKeyNow('P-256') }))).body.code, 'node_unknown')
  const unknown = ['spiffe://example.test/lanyard/node/n1', `${ID}x`, 'spiffe://example.test/lanyard/node/globex/n1']
  for (const uri of unknown) assert.equal((await renew(await forged({ uri: [uri] }))).body.code, 'node_unknown', uri)
})

test('what has not the form of a node is nobody', async () => {
  const hostile: Readonly<Record<string, Forgery>> = {
    'the ID of an agent': { uri: ['spiffe://example.test/tenant/acme/agent/a1'] },
    'the ID of a server': { uri: [`spiffe://example.test/lanyard/server/${server.pipeline.instance}`] },
    'the ID of no node': { uri: ['spiffe://example.test/lanyard/node'] },
    'more than a name': { uri: ['spiffe://example.test/lanyard/node/acme/n1/x'] },
    'a name that is none': { uri: ['spiffe://example.test/lanyard/node/acme/N1'] },
    'another trust domain': { uri: ['spiffe://other.test/lanyard/node/acme/n1'] },
    'two names': { uri: [ID, `${ID}x`] },
    'a DNS name': { dns: ['a.svc.test'] },
    'another purpose too': { purposes: ['lanyardNode', 'clientAuth'] },
    'an authority': { ca: true, usage: ['keyCertSign'] },
    'another usage': { usage: ['digitalSignature', 'keyAgreement'] },
    'what begins later': { begins: 60 },
  }
  for (const [what, wish] of Object.entries(hostile))
    assert.equal((await renew(await forged(wish))).body.code, 'certificate_untrusted', what)
})

test('a certificate that ended is judged as of its end, and by the row', async () => {
  assert.equal((await renew(await forged({ begins: -9, ends: -1 }))).status, 201)
  // Before the intermediate began there was nobody to sign it.
  const early = await forged({ begins: -20 * 86_400, ends: -10 * 86_400 })
  assert.equal((await renew(early)).body.code, 'certificate_untrusted')
})

test('a chain that does not lead to the authority is nobody', async () => {
  const own = Machine.authority()
  const leaf = own.certify({ key: node.privateKey })
  assert.equal((await renew({ key: pemOf(node.privateKey), cert: leaf.pem })).body.code, 'certificate_untrusted')
  const alone = node.reply.certificate
  assert.equal((await renew({ key: node.key, cert: alone })).body.code, 'certificate_untrusted')
  const mixed = node.reply.certificate + own.certify({ ca: true }).pem
  assert.equal((await renew({ key: node.key, cert: mixed })).body.code, 'certificate_untrusted')
})

test('no verifier of SVIDs takes a node for an agent, nor the authority an agent for a node', async () => {
  const leaf = Certificate.fromDer(decodePem(node.reply.certificate, { labels: ['CERTIFICATE'] })[0]!.der)
  assert.throws(() => checkSvidLeaf(leaf), { code: 'svid_extended_key_usage_incomplete' })
  assert.equal((await renew(agent)).body.code, 'permission_missing')
  // An agent's certificate in all but the purpose is no credential of the agent.
  const disguised = await forged({
    uri: ['spiffe://example.test/tenant/acme/agent/a1'],
    purposes: ['serverAuth', 'clientAuth'],
  })
  assert.equal((await renew(disguised)).body.code, 'certificate_untrusted')
})
