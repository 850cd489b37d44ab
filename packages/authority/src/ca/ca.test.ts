import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  type Certificate,
  checkSvidLeaf,
  EXTENDED_KEY_USAGES,
  equalBytes,
  parseIpAddress,
  type Signer,
  TrustDomain,
  toHex,
  verifyChain,
} from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import type { Issuer } from './certify.ts'
import { isConstrainedTo } from './constraints.ts'
import {
  type AllowedNames,
  AUTHORITY_LIFE,
  createAgentsIntermediate,
  createRoot,
  createServerCertificate,
  createServiceIntermediate,
  createSigningCertificate,
  isReplacementDue,
  keyIdOf,
  replaceAt,
  requireIssuable,
} from './index.ts'

const DAY = 86_400
const ports = { crypto: nodeCrypto, dice: { bytes: (length: number) => new Uint8Array(randomBytes(length)) } }
const trustDomain = TrustDomain.parse('example.org')
const instance = '6f1f3a52-0000-4000-8000-5d0c7f6f8a11'
const at = 1_795_000_000_999
const second = 1_795_000_000
const names: AllowedNames = { dns: ['localhost'], ips: [parseIpAddress('127.0.0.1')!, parseIpAddress('::1')!] }
const newSigner = () => nodeSigner(generateKeyNow('P-256'))

async function newRoot(when = at): Promise<Issuer> {
  const signer = newSigner()
  return { signer, certificate: await createRoot({ trustDomain, signer, at: when }, ports) }
}

async function newService(root: Issuer): Promise<Issuer> {
  const signer = newSigner()
  const input = { trustDomain, spki: signer.spki, at, names }
  return { signer, certificate: await createServiceIntermediate(input, root, ports) }
}

const lifeOf = ({ notBefore, notAfter }: Certificate) => [notBefore - second, notAfter - second]

test('the root: ten years, itself, and one level below it', async () => {
  const { certificate: root, signer } = await newRoot()
  assert.deepEqual(lifeOf(root), [-10, 3650 * DAY - 1])
  assert.deepEqual(root.basicConstraints, { critical: true, ca: true, pathLen: 1 })
  assert.deepEqual([...root.keyUsage!].sort(), ['cRLSign', 'keyCertSign'])
  assert.deepEqual(root.subjectAltName!.uri, ['spiffe://example.org'])
  assert.ok(equalBytes(root.subject.der, root.issuer.der))
  assert.equal(toHex(root.subjectKeyId!), keyIdOf(signer.spki, nodeCrypto))
  assert.ok(root.serialHex.length === 32)
})

test('an intermediate: seven days, no level below it, constrained', async () => {
  const root = await newRoot()
  const { spki } = newSigner()
  const agents = await createAgentsIntermediate({ trustDomain, spki, at, dnsSuffixes: [] }, root, ports)
  assert.deepEqual(lifeOf(agents), [-10, 7 * DAY - 1])
  assert.deepEqual(agents.basicConstraints, { critical: true, ca: true, pathLen: 0 })
  const { critical, permitted, excluded } = agents.nameConstraints!
  assert.equal(critical, true)
  assert.deepEqual(
    [permitted.uri, permitted.dns, permitted.email, permitted.ip],
    [['example.org'], ['invalid'], ['invalid'], []],
  )
  assert.deepEqual(excluded.ip.map(toHex), ['00'.repeat(8), '00'.repeat(32)])
  assert.deepEqual(agents.authorityKeyId, root.certificate.subjectKeyId)
})

test('constraints tell which configuration they were made for', async () => {
  const root = await newRoot()
  const { certificate } = await newService(root)
  assert.ok(isConstrainedTo(certificate, trustDomain, names))
  for (const other of [
    { ...names, dns: [] },
    { ...names, dns: ['localhost', 'ca.example.org'] },
    { ...names, ips: [] },
    { ...names, ips: names.ips.slice(1) },
  ])
    assert.ok(!isConstrainedTo(certificate, trustDomain, other))
  assert.ok(!isConstrainedTo(certificate, TrustDomain.parse('example.com'), names))
  assert.ok(!isConstrainedTo(root.certificate, trustDomain, names))
})

test('two generations of one authority never have the same name', async () => {
  const [one, two] = await Promise.all([newRoot(), newRoot()])
  assert.notDeepEqual(one.certificate.subject.der, two.certificate.subject.der)
})

test("the server's certificate is an SVID with exactly the server's names", async () => {
  const root = await newRoot()
  const service = await newService(root)
  const { spki } = newSigner()
  const leaf = await createServerCertificate(
    { trustDomain, instance, spki, at, names },
    service,
    root.certificate,
    ports,
  )
  assert.deepEqual(lifeOf(leaf), [-10, DAY - 1])
  assert.equal(`${checkSvidLeaf(leaf)}`, `spiffe://example.org/lanyard/server/${instance}`)
  assert.deepEqual(leaf.subjectAltName!.dns, ['localhost'])
})

test('what signs heads, lines and receipts is no SVID and nothing that TLS accepts', async t => {
  const root = await newRoot()
  const rows = [
    ['events', 365, `/events/${instance}`, 'lanyardEvents'],
    ['feed', 7, `/feed/${instance}`, 'lanyardFeed'],
    ['receipt', 365, '/receipt', 'lanyardReceipt'],
  ] as const
  for (const [purpose, days, path, usage] of rows) {
    await t.test(purpose, async () => {
      const { spki } = newSigner()
      const leaf = await createSigningCertificate(purpose, { trustDomain, instance, spki, at }, root, ports)
      assert.deepEqual(lifeOf(leaf), [-10, days * DAY - 1])
      assert.deepEqual(leaf.subjectAltName!.uri, [`spiffe://example.org/lanyard${path}`])
      assert.deepEqual(leaf.extendedKeyUsage, [EXTENDED_KEY_USAGES[usage]])
      const request = { leaf, intermediates: [], roots: [root.certificate], at: second }
      for (const tls of ['serverAuth', 'clientAuth'] as const)
        assert.throws(() => verifyChain({ ...request, purpose: tls }, nodeCrypto), {
          code: 'extended_key_usage_forbidden',
        })
    })
  }
})

test('nothing outlives what signed it', async () => {
  const root = await newRoot(at - (AUTHORITY_LIFE.root - 2 * DAY) * 1000)
  const { spki } = newSigner()
  const agents = await createAgentsIntermediate({ trustDomain, spki, at, dnsSuffixes: [] }, root, ports)
  assert.equal(agents.notAfter, root.certificate.notAfter)
})

test('half of a life is the time to replace', async () => {
  const { certificate: root } = await newRoot()
  const half = replaceAt(root)
  assert.equal(half, (second + (3650 * DAY - 11) / 2) * 1000)
  assert.deepEqual(
    [half - 1, half].map(when => isReplacementDue(root, when)),
    [false, true],
  )
})

test('what has not begun is to be replaced: a clock was wrong', async () => {
  const { certificate: root } = await newRoot()
  const begin = root.notBefore * 1000
  assert.deepEqual(
    [begin - 1, begin].map(when => isReplacementDue(root, when)),
    [true, false],
  )
})

test('a key that signs later does as well', async () => {
  const signer = newSigner()
  const slow: Signer = { ...signer, sign: async (data, format) => signer.sign(data, format) }
  await createRoot({ trustDomain, signer: slow, at }, ports)
})

test('what does not hold is not given out', async t => {
  const root = await newRoot()
  const service = await newService(root)
  const { spki } = newSigner()
  const input = { trustDomain, instance, spki, at, names }
  const agents = { trustDomain, spki, at, dnsSuffixes: [] }
  const stranger = await newRoot()
  const liar: Issuer = {
    ...root,
    signer: { ...root.signer, sign: (data, format) => stranger.signer.sign(data, format) },
  }
  const rows: Record<string, () => Promise<unknown>> = {
    'a key that is not the one of its certificate': () =>
      createAgentsIntermediate(agents, { ...root, signer: stranger.signer }, ports),
    'a signature by another key': () => createAgentsIntermediate(agents, liar, ports),
    'a root that signed itself with another key': () => createRoot({ trustDomain, signer: liar.signer, at }, ports),
    'a server name that the intermediate does not permit': () =>
      createServerCertificate(
        { ...input, names: { ...names, dns: ['evil.example'] } },
        service,
        root.certificate,
        ports,
      ),
    'an address that the intermediate does not permit': () =>
      createServerCertificate(
        { ...input, names: { dns: [], ips: [new Uint8Array(4)] } },
        service,
        root.certificate,
        ports,
      ),
    'an intermediate of another root': () => createServerCertificate(input, service, stranger.certificate, ports),
    'an intermediate that has ended': () =>
      createServerCertificate({ ...input, at: at + 8 * DAY * 1000 }, service, root.certificate, ports),
    'a certificate for another trust domain': () =>
      createServerCertificate(
        { ...input, trustDomain: TrustDomain.parse('example.com') },
        service,
        root.certificate,
        ports,
      ),
  }
  for (const [row, attempt] of Object.entries(rows)) await t.test(row, () => assert.rejects(attempt))
})

test('a trust domain is a host name, or some verifier could not judge it', () => {
  for (const name of ['example.org', 'a', 'lanyard.internal', '0a.b-c', 'x'.repeat(63)])
    assert.equal(requireIssuable(TrustDomain.parse(name)).name, name)
  for (const name of [
    'a_b',
    'a..b',
    '.a',
    'a.',
    '-a',
    'a-',
    '10.0.0.1',
    '1',
    'a.1',
    'x'.repeat(64),
    `${'a.'.repeat(127)}a`,
  ])
    assert.throws(() => requireIssuable(TrustDomain.parse(name)), { code: 'config_invalid' }, name)
})
