import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe } from 'node:test'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithmName } from '../algorithms.ts'
import { integer, nullValue, oid, sequence, wholeBits } from '../der/writer.ts'
import { generateKeyNow } from '../node/generate.ts'
import { type TestCertificate, TestIdentity } from '../node/test-ca.ts'
import { KEY_OIDS } from '../oids.ts'
import { Certificate } from './certificate.ts'
import {
  below,
  chainCases,
  correct,
  forgedCa,
  forgedLeaf,
  forgedRoot,
  type TestChain,
  withCa,
  withLeaf,
  withRoot,
} from './chain.suite.ts'
import { subjectKeyId } from './extension-encoders.ts'
import { algorithmOf, type Edit, rsaSpki } from './forge.suite.ts'

const { root, issuing } = correct
const EMPTY_RSA_SPKI = sequence(sequence(oid(KEY_OIDS.rsaEncryption), nullValue()), wholeBits(new Uint8Array()))
const DSA_SPKI = sequence(
  sequence(oid('1.2.840.10040.4.1'), sequence(integer(23), integer(11), integer(2))),
  wholeBits(integer(8)),
)
const p192 = generateKeyPairSync('ec', { namedCurve: 'prime192v1' }).privateKey
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

describe('chains: signatures and keys', () => {
  chainCases([
    ['RSA with PKCS#1 and SHA-256', () => withRoot({ key: rsa }), 'valid'],
    ['RSA with PKCS#1 and SHA-512', () => signedWith(rsa, 'RSA-SHA512'), 'valid'],
    ['RSA with PSS and SHA-256', () => signedWith(rsa, 'RSA-PSS-SHA256'), 'valid'],
    ['RSA with PSS and SHA-384', () => signedWith(rsa, 'RSA-PSS-SHA384'), 'valid'],
    ['P-384', () => withRoot({ key: generateKeyNow('P-384') }), 'valid'],
    ['P-521', () => withRoot({ key: generateKeyNow('P-521') }), 'valid'],
    ['P-384 with SHA-256', () => signedWith(generateKeyNow('P-384'), 'ECDSA-SHA256'), 'valid'],
    ['Ed25519', () => withRoot({ key: generateKeyNow('Ed25519') }), 'valid'],
    ['a leaf with an RSA key', () => withLeaf({ key: rsa }), 'valid'],

    [
      'a changed leaf',
      () => ({ leaf: changed(issuing.leaf()), through: [issuing], roots: [root] }),
      'signature_invalid',
    ],
    ['a changed intermediate', () => below(changed(root.ca())), 'signature_invalid'],
    [
      'an issuer with the right name and another key',
      () => ({ ...below(issuing), through: [namesake()] }),
      'chain_untrusted',
    ],
    [
      'such an issuer that also claims the key identifier',
      () => ({ ...below(issuing), through: [impostor()] }),
      'signature_invalid',
    ],
    ['SHA-1 under the leaf', () => forgedLeaf(toSha1, 'sha1'), 'signature_algorithm_forbidden'],
    ['SHA-1 under an intermediate', () => forgedCa(toSha1, 'sha1'), 'signature_algorithm_forbidden'],
    ['SHA-1 under the root, which nobody verifies', () => forgedRoot(toSha1, 'sha1'), 'valid'],
    ['an algorithm that the key cannot make', () => forgedLeaf(toAlgorithm('1.3.101.112')), 'signature_invalid'],
    ['an algorithm that nobody knows', () => forgedLeaf(toAlgorithm('1.2.3.4')), 'signature_algorithm_forbidden'],

    ['a leaf on P-192', () => withLeaf({ key: p192 }), 'key_type_forbidden'],
    ['a leaf with a DSA key', () => withLeaf({ spki: DSA_SPKI }), 'key_type_forbidden'],
    ['a leaf with RSA of 1024 bits', () => withLeaf({ spki: rsaSpki(1024) }), 'key_too_small'],
    ['a leaf with RSA of 2047 bits', () => withLeaf({ spki: rsaSpki(2047) }), 'key_too_small'],
    ['a leaf with RSA of 2052 bits', () => withLeaf({ spki: rsaSpki(2052) }), 'key_too_small'],
    ['a leaf with RSA of 8192 bits', () => withLeaf({ spki: rsaSpki(8192) }), 'valid'],
    ['a leaf with RSA of 8200 bits', () => withLeaf({ spki: rsaSpki(8200) }), 'key_too_large'],
    ['a leaf with the exponent 1', () => withLeaf({ spki: rsaSpki(2048, 1n) }), 'key_exponent_forbidden'],
    ['a leaf with the exponent 3', () => withLeaf({ spki: rsaSpki(2048, 3n) }), 'valid'],
    ['a leaf with an even exponent', () => withLeaf({ spki: rsaSpki(2048, 65_536n) }), 'key_exponent_forbidden'],
    [
      'a leaf with a huge exponent',
      () => withLeaf({ spki: rsaSpki(2048, (1n << 2000n) + 1n) }),
      'key_exponent_forbidden',
    ],
    [
      'an intermediate with a huge exponent',
      () => withCa({ spki: rsaSpki(2048, (1n << 2000n) + 1n) }),
      'key_exponent_forbidden',
    ],
    ['an intermediate with a huge modulus', () => withCa({ spki: rsaSpki(16_384) }), 'key_too_large'],
    ['an intermediate with RSA of 1024 bits', () => withCa({ key: weakRsa }), 'key_too_small'],
    ['a root with RSA of 1024 bits', () => withRoot({ key: weakRsa }), 'key_too_small'],
    ['a root with a DSA key', () => withRoot({ spki: DSA_SPKI }), 'key_type_forbidden'],
    ['an issuer without a readable key', () => withCa({ spki: EMPTY_RSA_SPKI }), 'der_truncated'],
  ])
})

function signedWith(key: KeyObject, name: SignatureAlgorithmName): TestChain {
  const anchor = TestIdentity.root({ key })
  return { leaf: anchor.leaf({ signedWith: SIGNATURE_ALGORITHMS[name] }), roots: [anchor] }
}

function changed({ certificate, key }: TestIdentity): TestIdentity {
  const der = certificate.der.slice()
  der[der.length - 1]! ^= 1
  return new TestIdentity(Certificate.fromDer(der), key)
}

/** A CA under the same root with the name of the one that signed the leaf. */
function namesake(extensions: TestCertificate['extensions'] = {}): TestIdentity {
  return root.ca({ subject: issuing.certificate.subject.der, extensions })
}

function impostor(): TestIdentity {
  return namesake({ subjectKeyId: subjectKeyId(issuing.certificate.subjectKeyId!) })
}

const toAlgorithm =
  (type: string): Edit =>
  fields => {
    fields.algorithm = algorithmOf(type)
  }
const toSha1 = toAlgorithm('1.2.840.10045.4.1')
