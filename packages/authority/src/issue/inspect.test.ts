import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import {
  assembleCertificate,
  authorityKeyId,
  basicConstraints,
  Certificate,
  type CertificateInput,
  encodeName,
  encodeTbs,
  extendedKeyUsage,
  fromHex,
  keyIdentifier,
  keyUsage,
  lanyardIdentity,
  parsePublicKey,
  subjectAltName,
  subjectKeyId,
  toHex,
} from '@lanyard/protocol'
import { nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import type { Subject } from '../ports.ts'
import { check, redeem } from './check.ts'
import { type Expected, inspect } from './inspect.ts'
import type { X509Issuer } from './issuer.ts'

const AT = Date.UTC(2026, 10, 21, 12)
const SECOND = AT / 1000
const ID = 'spiffe://example.test/tenant/acme/agent/invoice'
const LINEAGE = 'ab'.repeat(16)

const authority = nodeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
const agent = nodeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
const stranger = nodeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
const keyId = keyIdentifier(parsePublicKey(authority.spki).keyBits, nodeCrypto)
const caName = encodeName([['CN', 'authority']])

function sign(input: CertificateInput): Uint8Array {
  const tbs = encodeTbs(input, authority.algorithm)
  return assembleCertificate(tbs, authority.algorithm, authority.sign(tbs, 'der') as Uint8Array)
}
const day = 86_400
const issuerCertificate = Certificate.fromDer(
  sign({
    serial: fromHex('41'.repeat(16)),
    issuer: caName,
    subject: caName,
    notBefore: SECOND - day,
    notAfter: SECOND + day,
    spki: authority.spki,
    extensions: [basicConstraints({ ca: true, pathLen: 0 }), keyUsage(['keyCertSign']), subjectKeyId(keyId)],
  }),
)
const issuer: X509Issuer = {
  keyId: toHex(keyId),
  certificate: issuerCertificate,
  signer: authority,
  chainPem: '',
  bundlePem: '',
}
const subject = {
  tenant: { tenant: 'acme', keyPolicy: 'modern', renewalGraceSec: 0 },
  agent: {
    tenant: 'acme',
    agent: 'invoice',
    spiffeId: ID,
    tier: 'silver',
    lifecycle: 'active',
    incarnation: 2,
    deadThrough: 1,
  },
  lineage: { id: LINEAGE, tenant: 'acme', agent: 'invoice', standing: 'open', endsAt: AT + 1, mintedBy: 'api-key:1' },
} as Subject
const names = { spiffeId: ID, dnsNames: [], dnsSuffixes: [] }
const expected: Expected = { ...names, subject, spki: agent.spki, issuer, tier: 'silver', at: AT }

const good = {
  constraints: basicConstraints({ ca: false }),
  usage: keyUsage(['digitalSignature']),
  extended: extendedKeyUsage(['serverAuth', 'clientAuth']),
  san: subjectAltName({ uri: [ID] }, true),
  authority: authorityKeyId(keyId),
  identity: lanyardIdentity({ incarnation: 2, lineage: fromHex(LINEAGE) }),
}
const leaf = (
  extensions: Partial<Record<keyof typeof good, Uint8Array>> = {},
  fields: Partial<CertificateInput> = {},
) =>
  sign({
    serial: fromHex('42'.repeat(16)),
    issuer: caName,
    subject: encodeName([]),
    notBefore: SECOND - 10,
    notAfter: SECOND + 299,
    spki: agent.spki,
    extensions: Object.values({ ...good, ...extensions }),
    ...fields,
  })

test('a leaf as the builder makes it passes', () => {
  assert.deepEqual(inspect(leaf(), expected).subjectAltName?.uri, [ID])
})

test('every rule catches the leaf that breaks it', () => {
  const other = 'spiffe://example.test/tenant/globex/agent/invoice'
  const table: [string, Uint8Array, RegExp][] = [
    ['a CA', leaf({ constraints: basicConstraints({ ca: true }) }), /no certificate authority/],
    [
      'signs certificates',
      leaf({ usage: keyUsage(['digitalSignature', 'keyCertSign']) }),
      /signs and does nothing else/,
    ],
    ['a server only', leaf({ extended: extendedKeyUsage(['serverAuth']) }), /servers and clients/],
    ['another tenant', leaf({ san: subjectAltName({ uri: [other] }, true) }), /exactly one URI/],
    ['two names', leaf({ san: subjectAltName({ uri: [ID, other] }, true) }), /exactly one URI/],
    ['a host name beside', leaf({ san: subjectAltName({ uri: [ID], dns: ['localhost'] }, true) }), /host names of/],
    ['a SAN that is not critical', leaf({ san: subjectAltName({ uri: [ID] }, false) }), /exactly one URI/],
    ['a subject', leaf({}, { subject: caName }), /no subject/],
    ['lives a second more', leaf({}, { notAfter: SECOND + 300 }), /lifetime of the tier/],
    ['lives less than a minute', leaf({}, { notAfter: SECOND + 58 }), /lives a minute/],
    ['begins too early', leaf({}, { notBefore: SECOND - 11 }), /begins at most ten seconds ago/],
    ['begins later', leaf({}, { notBefore: SECOND + 1 }), /begins at most ten seconds ago/],
    ['another key', leaf({}, { spki: stranger.spki }), /the key of the CSR/],
    ['another issuer', leaf({}, { issuer: encodeName([]) }), /the issuer is the one/],
    ['another authority key', leaf({ authority: authorityKeyId(fromHex('00'.repeat(20))) }), /the issuer is the one/],
    [
      'a dead incarnation',
      leaf({ identity: lanyardIdentity({ incarnation: 1, lineage: fromHex(LINEAGE) }) }),
      /incarnation/,
    ],
    [
      'another lineage',
      leaf({ identity: lanyardIdentity({ incarnation: 2, lineage: fromHex('cd'.repeat(16)) }) }),
      /lineage/,
    ],
    ['a short serial', leaf({}, { serial: fromHex('42'.repeat(8)) }), /a serial of sixteen bytes/],
  ]
  for (const [why, der, rule] of table) assert.throws(() => inspect(der, expected), rule, why)
})

test('host names are those of the entry, in its order, under the suffixes', () => {
  const both = { dnsNames: ['a.svc.test', 'svc.test'], dnsSuffixes: ['svc.test', 'other.test'] }
  const named = (...dns: string[]) => leaf({ san: subjectAltName({ uri: [ID], dns }, true) })
  assert.deepEqual(inspect(named(...both.dnsNames), { ...expected, ...both }).subjectAltName?.dns, both.dnsNames)
  const table: [string, string[], Partial<Expected>, RegExp][] = [
    ['one is missing', ['a.svc.test'], both, /host names of the entry/],
    ['one more', ['a.svc.test', 'svc.test', 'b.svc.test'], both, /host names of the entry/],
    ['another order', ['svc.test', 'a.svc.test'], both, /host names of the entry/],
    ['no suffix', both.dnsNames, { ...both, dnsSuffixes: [] }, /configured suffixes/],
    [
      'a suffix of letters alone',
      ['evilsvc.test'],
      { dnsNames: ['evilsvc.test'], dnsSuffixes: ['svc.test'] },
      /suffixes/,
    ],
  ]
  for (const [why, dns, more, rule] of table)
    assert.throws(() => inspect(named(...dns), { ...expected, ...more }), rule, why)
})

test('rows that do not belong together are caught whatever the certificate says', () => {
  const foreign = { ...subject, tenant: { ...subject.tenant, tenant: 'globex' } }
  assert.throws(() => inspect(leaf(), { ...expected, subject: foreign }), /the tenant of the agent/)
  assert.throws(() => inspect(leaf(), { ...expected, spiffeId: `${ID}2` }), /exactly one URI/)
})

test('a clearance serves one signature, and cannot be made by hand', () => {
  const caller = { kind: 'agent-token', incarnation: 2, expiresAt: AT + 1 } as never
  const key = parsePublicKey(agent.spki)
  const asked = { subject, caller, key, keyThumbprint: 'k', opens: false, dnsNames: [], dnsSuffixes: [] }
  const clearance = check({ ...asked, ttlSec: undefined, at: AT })
  assert.equal(redeem(clearance).ttlSec, 300)
  assert.throws(() => redeem(clearance), /served its certificate/)
  assert.throws(() => redeem({ take: () => ({}) as never }), /made by check/)
})
