import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { SIGNATURE_ALGORITHMS } from '../algorithms.ts'
import { contextConstructed, contextPrimitive, TAG } from '../der/tags.ts'
import { encodeTime } from '../der/time.ts'
import { element, integer, nullValue, octetString, oid, sequence, time, wholeBits } from '../der/writer.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto, nodeSigner } from '../node/crypto.ts'
import { generateKeyNow } from '../node/generate.ts'
import { HASH_OIDS, SIGNATURE_OIDS } from '../oids.ts'
import { bytesOf, codeOf } from '../refusals.suite.ts'
import { encodeTbs, signCertificate } from './build.ts'
import { Certificate } from './certificate.ts'
import { basicConstraints, keyUsage, lanyardIdentity, subjectAltName } from './extension-encoders.ts'
import { EMPTY_NAME, encodeName } from './name.ts'

const signer = nodeSigner(generateKeyNow('P-256'))
const { spki } = nodeSigner(generateKeyNow('P-256'))
const issuer = encodeName([['CN', 'Issuer']])
const lineage = bytesOf('000102030405060708090a0b0c0d0e0f')
const ID = 'spiffe://example.org/tenant/acme/agent/billing'

const input = {
  serial: bytesOf('80112233445566778899aabbccddeeff'),
  issuer,
  subject: EMPTY_NAME,
  notBefore: 1_780_000_000,
  notAfter: 1_780_000_299,
  spki,
  extensions: [basicConstraints({ ca: false }), keyUsage(['digitalSignature']), subjectAltName({ uri: [ID] }, true)],
}

describe('a certificate that we built', () => {
  const extensions = [...input.extensions, lanyardIdentity({ incarnation: 3, lineage })]
  const der = signCertificate({ ...input, extensions }, signer) as Uint8Array
  const certificate = Certificate.fromDer(der)

  it('says what was put in', () => {
    assert.equal(certificate.version, 3)
    assert.equal(certificate.serialHex, '80112233445566778899aabbccddeeff')
    assert.deepEqual(certificate.serial, bytesOf('0080112233445566778899aabbccddeeff'))
    assert.deepEqual(certificate.issuer.der, issuer)
    assert.equal(certificate.subject.isEmpty, true)
    assert.deepEqual([certificate.notBefore, certificate.notAfter], [1_780_000_000, 1_780_000_299])
    assert.deepEqual(certificate.publicKey.der, spki)
    assert.equal(certificate.signatureAlgorithm, SIGNATURE_ALGORITHMS['ECDSA-SHA256'])
    assert.deepEqual(certificate.subjectAltName?.uri, [ID])
    assert.deepEqual(certificate.lanyard, { incarnation: 3, lineage })
    assert.deepEqual(certificate.irregularities, [])
    assert.deepEqual(certificate.tbs, encodeTbs({ ...input, extensions }, signer.algorithm))
    assert.deepEqual(certificate.der, der)
  })

  it('is signed', () => {
    const { tbs, signature } = certificate
    assert.equal(nodeCrypto.verify(signer.algorithm, signer.spki, tbs, signature, 'der'), true)
    assert.equal(nodeCrypto.verify(signer.algorithm, spki, tbs, signature, 'der'), false)
  })

  it('keeps its own copy of the bytes, and cannot be changed', () => {
    const bytes = der.slice()
    const own = Certificate.fromDer(bytes)
    bytes.fill(0)
    assert.ok(own.equals(certificate))
    assert.equal(own.subjectAltName?.uri[0], ID)
    assert.throws(() => Object.assign(own, { notAfter: 0 }), TypeError)
  })

  it('is read from a Buffer into plain bytes', () => {
    const own = Certificate.fromDer(Buffer.from(der))
    assert.ok(![own.der, own.tbs, own.serial, own.signature, own.publicKey.keyBits].some(Buffer.isBuffer))
  })

  it('waits for a key that answers later', async () => {
    const remote = { ...signer, sign: async (data: Uint8Array) => signer.sign(data, 'der') }
    assert.ok(Certificate.fromDer(await signCertificate(input, remote)).equals(certificate) === false)
  })
})

describe('building refuses', () => {
  const rows: readonly [why: string, change: Partial<typeof input>, code: ProtocolCode][] = [
    ['a serial number of zero', { serial: bytesOf('0000') }, 'serial_number_forbidden'],
    ['no serial number', { serial: bytesOf('') }, 'serial_number_forbidden'],
    ['a serial number of 21 octets', { serial: bytesOf('01'.repeat(21)) }, 'serial_number_forbidden'],
    ['a serial number that needs a 21st octet', { serial: bytesOf('80'.repeat(20)) }, 'serial_number_forbidden'],
    ['fractions of a second', { notAfter: 1_780_000_000.5 }, 'der_time_invalid'],
    ['milliseconds for seconds', { notAfter: 1_780_000_000_000 }, 'der_time_invalid'],
  ]
  for (const [why, change, code] of rows)
    it(`${code}: ${why}`, () =>
      assert.equal(
        codeOf(() => encodeTbs({ ...input, ...change }, signer.algorithm)),
        code,
      ))
})

/** The fields of a certificate in their order; each can be replaced, left out by null, or followed by more. */
const FIELDS = {
  version: element(contextConstructed(0), integer(2)),
  serial: integer(5),
  algorithm: sequence(oid(SIGNATURE_OIDS.ecdsaWithSha256)),
  issuer,
  validity: sequence(time(input.notBefore), time(input.notAfter)),
  subject: EMPTY_NAME,
  spki,
  uniqueIds: null as Uint8Array | null,
  extensions: element(contextConstructed(3), sequence(...input.extensions)),
}
type Change = Partial<Record<keyof typeof FIELDS | 'outerAlgorithm' | 'signature', Uint8Array | null>>

function assemble({ outerAlgorithm, signature, ...change }: Change): Uint8Array {
  const fields = { ...FIELDS, ...change }
  const tbs = sequence(...Object.values(fields).filter(field => field !== null))
  return sequence(tbs, outerAlgorithm ?? fields.algorithm ?? FIELDS.algorithm, signature ?? wholeBits(bytesOf('00')))
}

const version = (number: number) => element(contextConstructed(0), integer(number))
const generalized = (seconds: number) => element(TAG.generalizedTime, encodeTime(TAG.generalizedTime, seconds))
const uniqueId = (number: number) => element(contextPrimitive(number), bytesOf('00ff'))
const emptyExtension = sequence(oid('1.2.3'), octetString(new Uint8Array()))

describe('certificates field by field', () => {
  const rows: readonly [why: string, change: Change, code: ProtocolCode | null][] = [
    ['as it should be', {}, null],
    ['version 1 written out', { version: version(0) }, 'der_default_encoded'],
    ['version 4', { version: version(3) }, 'der_integer_out_of_range'],
    ['a negative version', { version: version(-1) }, 'der_integer_out_of_range'],
    ['extensions in version 1', { version: null }, 'certificate_malformed'],
    ['extensions in version 2', { version: version(1) }, 'certificate_malformed'],
    ['version 1', { version: null, extensions: null }, null],
    ['version 2', { version: version(1), extensions: null }, null],
    ['version 3 without extensions', { extensions: null }, null],
    ['an empty list of extensions', { extensions: element(contextConstructed(3), sequence()) }, 'extension_malformed'],
    [
      'two lists of extensions',
      { extensions: element(contextConstructed(3), sequence(emptyExtension), sequence()) },
      'der_trailing_bytes',
    ],
    [
      'an extension twice',
      { extensions: element(contextConstructed(3), sequence(emptyExtension, emptyExtension)) },
      'extension_duplicate',
    ],
    ['an unknown extension', { extensions: element(contextConstructed(3), sequence(emptyExtension)) }, null],
    [
      'extensions under another tag',
      { extensions: element(contextConstructed(4), sequence(emptyExtension)) },
      'der_trailing_bytes',
    ],
    [
      'unique identifiers in version 1',
      { version: null, uniqueIds: uniqueId(1), extensions: null },
      'certificate_malformed',
    ],
    ['unique identifiers in version 2', { version: version(1), uniqueIds: uniqueId(2), extensions: null }, null],
    ['unique identifiers in version 3', { uniqueIds: bytesOf('810200ff 820200ff') }, null],
    ['unique identifiers in the wrong order', { uniqueIds: bytesOf('820200ff 810200ff') }, 'der_trailing_bytes'],
    ['a negative serial number', { serial: integer(-5) }, 'serial_number_forbidden'],
    ['a serial number of 20 octets', { serial: integer(2n ** 159n - 1n) }, null],
    ['a serial number of 21 octets', { serial: integer(2n ** 159n) }, 'serial_number_forbidden'],
    ['a serial number with leading zeros', { serial: bytesOf('02020005') }, 'der_integer_invalid'],
    ['a serial number of zero, as roots have', { serial: integer(0) }, null],
    [
      'another algorithm outside',
      { outerAlgorithm: sequence(oid(SIGNATURE_OIDS.ecdsaWithSha384)) },
      'signature_algorithm_mismatch',
    ],
    [
      'the same algorithm outside, with NULL',
      { outerAlgorithm: sequence(oid(SIGNATURE_OIDS.ecdsaWithSha256), nullValue()) },
      'signature_algorithm_mismatch',
    ],
    [
      'an algorithm with two parameters',
      { algorithm: sequence(oid('1.2.3'), nullValue(), nullValue()) },
      'der_trailing_bytes',
    ],
    ['a signature that ends within an octet', { signature: bytesOf('03020780') }, 'der_bit_string_invalid'],
    ['a signature in an OCTET STRING', { signature: bytesOf('040180') }, 'der_tag_unexpected'],
    ['GeneralizedTime before 2050, as a root has', { validity: sequence(time(0), generalized(86_400)) }, null],
    ['GeneralizedTime after 2049', { validity: sequence(time(0), time(2_600_000_000)) }, null],
    ['a third time', { validity: sequence(time(0), time(1), time(2)) }, 'der_trailing_bytes'],
    ['one time', { validity: sequence(time(0)) }, 'der_truncated'],
    ['no issuer', { issuer: null }, 'der_tag_unexpected'],
    ['a subject that is no name', { subject: bytesOf('30020500') }, 'der_tag_unexpected'],
    ['no key', { spki: null }, 'der_tag_unexpected'],
  ]
  for (const [why, change, code] of rows)
    it(`${code ?? 'accepted'}: ${why}`, () =>
      assert.equal(
        codeOf(() => Certificate.fromDer(assemble(change))),
        code,
      ))

  it('a byte behind, an end too early, far too long', () => {
    const der = assemble({})
    assert.equal(
      codeOf(() => Certificate.fromDer(Buffer.concat([der, Buffer.of(0)]))),
      'der_trailing_bytes',
    )
    for (let length = 0; length < der.length; length++)
      assert.notEqual(
        codeOf(() => Certificate.fromDer(der.subarray(0, length))),
        null,
      )
    const large = assemble({
      extensions: element(contextConstructed(3), sequence(sequence(oid('1.2.3'), octetString(new Uint8Array(66_000))))),
    })
    assert.equal(
      codeOf(() => Certificate.fromDer(large)),
      'der_too_large',
    )
  })
})

it('what roots get wrong is read, and told', () => {
  const irregular = (change: Change) => Certificate.fromDer(assemble(change)).irregularities
  assert.deepEqual(irregular({ serial: integer(0) }), ['serial_number_forbidden'])
  assert.deepEqual(irregular({ validity: sequence(generalized(0), time(1)) }), ['der_time_invalid'])
  assert.deepEqual(irregular({ validity: sequence(time(0), generalized(1)) }), ['der_time_invalid'])
  const padded = sequence(oid('2.5.29.15'), octetString(bytesOf('03020080')))
  assert.deepEqual(irregular({ extensions: element(contextConstructed(3), sequence(padded)) }), [
    'der_bit_string_invalid',
  ])
})

describe('signature algorithms', () => {
  const hash = (type: string, parameters = [nullValue()]) => sequence(oid(type), ...parameters)
  const pss = (digest: Uint8Array, mask: Uint8Array, salt: number, ...more: Uint8Array[]) =>
    sequence(
      oid(SIGNATURE_OIDS.rsassaPss),
      sequence(
        element(contextConstructed(0), digest),
        element(contextConstructed(1), sequence(oid(SIGNATURE_OIDS.mgf1), mask)),
        element(contextConstructed(2), integer(salt)),
        ...more,
      ),
    )
  const { sha256, sha384 } = HASH_OIDS
  const rows: readonly [why: string, algorithm: Uint8Array, name: string | null][] = [
    ['SHA-256 with RSA', sequence(oid(SIGNATURE_OIDS.sha256WithRsa), nullValue()), 'RSA-SHA256'],
    ['SHA-256 with RSA, without parameters', sequence(oid(SIGNATURE_OIDS.sha256WithRsa)), 'RSA-SHA256'],
    ['SHA-256 with RSA and another parameter', sequence(oid(SIGNATURE_OIDS.sha256WithRsa), integer(0)), null],
    ['SHA-1 with RSA', sequence(oid('1.2.840.113549.1.1.5'), nullValue()), null],
    ['MD5 with RSA', sequence(oid('1.2.840.113549.1.1.4'), nullValue()), null],
    ['ECDSA with NULL', sequence(oid(SIGNATURE_OIDS.ecdsaWithSha256), nullValue()), null],
    ['Ed25519', sequence(oid(SIGNATURE_OIDS.ed25519)), 'Ed25519'],
    ['Ed25519 with NULL', sequence(oid(SIGNATURE_OIDS.ed25519), nullValue()), null],
    ['PSS', pss(hash(sha256), hash(sha256), 32), 'RSA-PSS-SHA256'],
    ['PSS, hashes without parameters', pss(hash(sha256, []), hash(sha256, []), 32), 'RSA-PSS-SHA256'],
    ['PSS, one hash without parameters', pss(hash(sha256), hash(sha256, []), 32), 'RSA-PSS-SHA256'],
    ['PSS with SHA-384', pss(hash(sha384), hash(sha384), 48), 'RSA-PSS-SHA384'],
    ['PSS with two hashes', pss(hash(sha256), hash(sha384), 32), null],
    ['PSS with the salt of another hash', pss(hash(sha256), hash(sha256), 48), null],
    ['PSS without salt', pss(hash(sha256), hash(sha256), 0), null],
    [
      'PSS with the trailer written out',
      pss(hash(sha256), hash(sha256), 32, element(contextConstructed(3), integer(1))),
      null,
    ],
    ['PSS by default, which is SHA-1', sequence(oid(SIGNATURE_OIDS.rsassaPss), sequence()), null],
    ['something unknown', sequence(oid('1.2.3.4'), sequence(integer(1))), null],
  ]
  for (const [why, algorithm, name] of rows)
    it(`${name ?? 'not ours'}: ${why}`, () => {
      const certificate = Certificate.fromDer(assemble({ algorithm }))
      assert.equal(certificate.signatureAlgorithm?.name ?? null, name)
    })
})

it('every root that Node.js brings is read, and read alike', () => {
  for (const pem of tls.rootCertificates) {
    const theirs = new X509Certificate(pem)
    const ours = Certificate.fromDer(theirs.raw)
    assert.equal(ours.serialHex.toUpperCase(), theirs.serialNumber.padStart(2, '0'))
    assert.equal(ours.notBefore * 1000, theirs.validFromDate.getTime())
    assert.equal(ours.notAfter * 1000, theirs.validToDate.getTime())
    assert.equal(ours.basicConstraints?.ca ?? false, theirs.ca)
    assert.deepEqual(ours.publicKey.der, new Uint8Array(theirs.publicKey.export({ format: 'der', type: 'spki' })))
  }
})
