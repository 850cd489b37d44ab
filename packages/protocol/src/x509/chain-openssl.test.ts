import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS } from '../algorithms.ts'
import { generateKey, generateKeyNow } from '../node/generate.ts'
import { rawExtension, TEST_TIME, type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { judge, type TestChain } from './chain.suite.ts'
import { basicConstraints, extendedKeyUsage, keyUsage } from './extension-encoders.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-chain-'))
after(() => rmSync(folder, { recursive: true }))

const root = TestIdentity.root()
const rsa = await generateKey('RSA')

/** root → CA → leaf, each with what the options change. */
function chain(ca: TestCertificate = {}, leaf: TestCertificate = {}, anchor = root): TestChain {
  const issuing = anchor.ca(ca)
  return { leaf: issuing.leaf(leaf), through: [issuing], roots: [anchor], name: { dns: 'leaf.test' } }
}

function deeper(upper: TestCertificate): TestChain {
  const first = root.ca(upper)
  const second = first.ca()
  return { leaf: second.leaf(), through: [first, second], roots: [root], name: { dns: 'leaf.test' } }
}

function crossSigned(): TestChain {
  const other = TestIdentity.root({ subject: 'Other Root' })
  const issuing = root.ca()
  return { leaf: issuing.leaf(), through: [other.certify(issuing), issuing], roots: [other] }
}

const dns = (...names: string[]) => ({ dns: names })
const purposes = (...oids: `${number}.${string}`[]) => ({ extensions: { extendedKeyUsage: extendedKeyUsage(oids) } })

// Left out, since OpenSSL differs: it ends a validity before its last second (RFC 5280, 4.1.2.5 counts it), and it follows
// the first of several issuers and does not come back.
const CHAINS: readonly [why: string, build: () => TestChain][] = [
  ['a usual chain', () => chain()],
  ['RSA', () => chain({ key: rsa }, { signedWith: SIGNATURE_ALGORITHMS['RSA-SHA384'] })],
  ['RSA with PSS', () => chain({ key: rsa }, { signedWith: SIGNATURE_ALGORITHMS['RSA-PSS-SHA256'] })],
  ['P-384', () => chain({ key: generateKeyNow('P-384') })],
  ['P-521', () => chain({ key: generateKeyNow('P-521') })],
  ['Ed25519', () => chain({ key: generateKeyNow('Ed25519') })],
  ['a leaf without a subject', () => chain({}, { subject: '' })],
  ['a wildcard', () => ({ ...chain({}, { names: dns('*.a.test') }), name: { dns: 'b.a.test' } })],
  ['a wildcard over two labels', () => ({ ...chain({}, { names: dns('*.a.test') }), name: { dns: 'c.b.a.test' } })],
  ['another host', () => ({ ...chain(), name: { dns: 'other.test' } })],
  [
    'an address',
    () => ({
      ...chain({}, { names: { ip: [Uint8Array.of(127, 0, 0, 1)] } }),
      name: { ip: Uint8Array.of(127, 0, 0, 1) },
    }),
  ],
  [
    'another address',
    () => ({
      ...chain({}, { names: { ip: [Uint8Array.of(127, 0, 0, 1)] } }),
      name: { ip: Uint8Array.of(127, 0, 0, 2) },
    }),
  ],
  ['an untrusted root', () => ({ ...chain(), roots: [TestIdentity.root({ subject: 'Other' })] })],
  ['a missing intermediate', () => ({ ...chain(), through: [] })],
  ['a leaf that has ended', () => chain({}, { notAfter: TEST_TIME - 1 })],
  ['a leaf in its first second', () => chain({}, { notBefore: TEST_TIME })],
  ['a leaf that has not begun', () => chain({}, { notBefore: TEST_TIME + 1 })],
  ['an intermediate that has ended', () => chain({ notAfter: TEST_TIME - 1 })],
  ['a root that has ended', () => chain({}, {}, TestIdentity.root({ notAfter: TEST_TIME - 1 }))],
  ['pathLen 0 above a leaf', () => chain({ pathLen: 0 })],
  ['pathLen 0 above a CA', () => deeper({ pathLen: 0 })],
  ['pathLen 1 above a CA', () => deeper({ pathLen: 1 })],
  ['pathLen 0 of the root', () => chain({}, {}, TestIdentity.root({ pathLen: 0 }))],
  [
    'an intermediate without cA',
    () => chain({ extensions: { basicConstraints: basicConstraints({ ca: false }), keyUsage: null } }),
  ],
  ['an intermediate that signs CRLs only', () => chain({ extensions: { keyUsage: keyUsage(['cRLSign']) } })],
  ['an intermediate without key identifiers', () => chain({ extensions: { subjectKeyId: null } })],
  [
    'an unknown critical extension',
    () => chain({}, { extensions: { unknown: rawExtension('1.2.3.4', true, Uint8Array.of(5, 0)) } }),
  ],
  ['a permitted host', () => chain({ permitted: dns('test') })],
  ['a host that is not permitted', () => chain({ permitted: dns('example') })],
  ['an excluded host', () => chain({ excluded: dns('leaf.test') })],
  [
    'a permitted trust domain',
    () =>
      chain({ permitted: { uri: ['acme.test'] } }, { names: { uri: ['spiffe://acme.test/a'], dns: ['leaf.test'] } }),
  ],
  [
    'another trust domain',
    () =>
      chain({ permitted: { uri: ['acme.test'] } }, { names: { uri: ['spiffe://evil.test/a'], dns: ['leaf.test'] } }),
  ],
  [
    'an address that is not permitted',
    () =>
      chain(
        { permitted: { ip: [Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0)] } },
        { names: { ip: [Uint8Array.of(11, 0, 0, 1)], dns: ['leaf.test'] } },
      ),
  ],
  ['a leaf for clients', () => chain({}, purposes('1.3.6.1.5.5.7.3.2'))],
  ['a leaf for clients, as a client', () => ({ ...chain({}, purposes('1.3.6.1.5.5.7.3.2')), purpose: 'clientAuth' })],
  ['an intermediate for mail', () => chain(purposes('1.3.6.1.5.5.7.3.4'))],
  ['a cross-certificate', crossSigned],
  ['RSA of 1024 bits', () => chain({}, { key: weak })],
]

const weak = await generateKey('RSA', 1024)

describe('verifyChain and openssl verify', () => {
  for (const [why, build] of CHAINS)
    it(`agree on ${why}`, () => {
      const made = build()
      const { verdict } = judge(() => made)
      const second = openssl(made)
      assert.equal(verdict === 'valid', second.accepted, `${verdict}; openssl: ${second.says}`)
    })
})

function openssl(made: TestChain): { accepted: boolean; says: string } {
  const { status, stdout, stderr, error } = spawnSync('openssl', ['verify', ...argumentsFor(made)], {
    encoding: 'utf8',
  })
  if (error) throw error
  return { accepted: status === 0, says: stdout + stderr }
}

function argumentsFor({ leaf, through = [], roots, name, purpose = 'serverAuth' }: TestChain): string[] {
  const file = (content: string, label: string) => {
    const path = join(folder, label)
    writeFileSync(path, content)
    return path
  }
  const bundle = (members: readonly TestIdentity[], label: string) => file(members.map(it => it.pem).join(''), label)
  return [
    ...['-x509_strict', '-auth_level', '2', '-attime', String(TEST_TIME)],
    ...['-purpose', purpose === 'clientAuth' ? 'sslclient' : 'sslserver'],
    ...['-no-CApath', '-no-CAstore', '-CAfile', bundle(roots, 'roots.pem')],
    ...(through.length > 0 ? ['-untrusted', bundle(through, 'through.pem')] : []),
    ...nameArguments(name),
    file(leaf.pem, 'leaf.pem'),
  ]
}

function nameArguments(name: TestChain['name']): string[] {
  if (name === undefined) return []
  return 'dns' in name ? ['-verify_hostname', name.dns] : ['-verify_ip', name.ip.join('.')]
}
