import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readDer } from '../der/reader.ts'
import { sequence } from '../der/writer.ts'
import { EXTENDED_KEY_USAGES, EXTENSIONS } from '../oids.ts'
import { acceptedOctets, bytesOf, hostileTable, refuses } from '../refusals.suite.ts'
import * as encode from './extension-encoders.ts'
import { type Extension, KEY_USAGES, type KnownExtensions, readExtensions, readKnownExtensions } from './extensions.ts'
import type { GeneralNames } from './general-names.ts'

/** What extensions say that were encoded one by one. */
function read(...encoded: Uint8Array[]): { raw: Extension[]; known: KnownExtensions } {
  const raw = readDer(sequence(...encoded), readExtensions)
  return { raw, known: readKnownExtensions(raw) }
}

/** What the extension of this OID makes of a content. */
const content = (oid: string) => (value: Uint8Array) => readKnownExtensions([{ oid, critical: false, value }])

const noNames: GeneralNames = { uri: [], dns: [], ip: [], email: [], directoryName: [], other: [] }
const ascii = fc.string({ unit: fc.constantFrom(...'abcXYZ019.-*@:/%_ '), maxLength: 30 })
const names = fc.record(
  {
    uri: fc.array(ascii),
    dns: fc.array(ascii),
    email: fc.array(ascii),
    ip: fc.array(fc.uint8Array({ maxLength: 32 })),
  },
  { noNullPrototype: true },
)
const some = names.filter(({ uri, dns, email, ip }) => uri.length + dns.length + email.length + ip.length > 0)

describe('extensions are read as they were encoded', () => {
  it('basicConstraints', () => {
    for (const value of [{ ca: false }, { ca: true }, { ca: true, pathLen: 0 }, { ca: true, pathLen: 300 }])
      assert.deepEqual(read(encode.basicConstraints(value)).known.basicConstraints, { critical: true, ...value })
  })

  it('keyUsage, every combination, without zero bits at the end', () => {
    fc.assert(
      fc.property(fc.subarray([...KEY_USAGES]), usages => {
        const { known, raw } = read(encode.keyUsage(usages))
        assert.deepEqual(known, { keyUsage: new Set(usages) })
        assert.equal(raw[0]?.critical, true)
      }),
    )
  })

  it('extendedKeyUsage, by name and by OID', () => {
    const purposes = ['serverAuth', 'clientAuth', '1.2.3.4'] as const
    const { known } = read(encode.extendedKeyUsage(purposes))
    assert.deepEqual(known.extendedKeyUsage, [
      EXTENDED_KEY_USAGES.serverAuth,
      EXTENDED_KEY_USAGES.clientAuth,
      '1.2.3.4',
    ])
  })

  it('subjectAltName', () => {
    fc.assert(
      fc.property(some, fc.boolean(), (input, critical) => {
        assert.deepEqual(read(encode.subjectAltName(input, critical)).known.subjectAltName, {
          ...noNames,
          ...input,
          critical,
        })
      }),
    )
  })

  it('nameConstraints', () => {
    fc.assert(
      fc.property(some, names, (permitted, excluded) => {
        assert.deepEqual(read(encode.nameConstraints({ permitted, excluded })).known.nameConstraints, {
          critical: true,
          permitted: { ...noNames, ...permitted },
          excluded: { ...noNames, ...excluded },
        })
      }),
    )
    refuses('extension_malformed', () => encode.nameConstraints({}))
  })

  it('key identifiers, CRL distribution points, authority information', () => {
    const urls = ['http://one.test/a.crl', 'http://two.test/b.crl']
    const { known, raw } = read(
      encode.subjectKeyId(bytesOf('0102')),
      encode.authorityKeyId(bytesOf('0304')),
      encode.crlDistributionPoints(urls),
      encode.authorityInfoAccess({ ocsp: ['http://ocsp.test'], caIssuers: urls }),
    )
    assert.deepEqual(known, {
      subjectKeyId: bytesOf('0102'),
      authorityKeyId: bytesOf('0304'),
      crlDistributionPoints: urls,
      authorityInfoAccess: { ocsp: ['http://ocsp.test'], caIssuers: urls },
    })
    assert.ok(raw.every(({ critical }) => !critical))
  })

  it('incarnation and lineage', () => {
    const lineage = bytesOf('000102030405060708090a0b0c0d0e0f')
    for (const incarnation of [0, 1, 127, 128, 2 ** 31, 2 ** 53 - 1])
      assert.deepEqual(read(encode.lanyardIdentity({ incarnation, lineage })).known, {
        lanyard: { incarnation, lineage },
      })
    for (const incarnation of [-1, 0.5, 2 ** 53])
      refuses('extension_malformed', () => encode.lanyardIdentity({ incarnation, lineage }))
    refuses('extension_malformed', () => encode.lanyardIdentity({ incarnation: 1, lineage: lineage.subarray(1) }))
  })
})

describe('names in extensions', () => {
  it('have no control characters and nothing beyond ASCII, of all octets', () => {
    for (const tag of [0x81, 0x82, 0x86]) {
      const accepted = acceptedOctets(octet =>
        content(EXTENSIONS.subjectAltName)(Uint8Array.of(0x30, 3, tag, 1, octet)),
      )
      assert.deepEqual(
        accepted,
        Array.from({ length: 0x7f - 0x20 }, (_, index) => 0x20 + index),
      )
    }
  })

  it('refuse to be written beyond ASCII', () => {
    refuses('der_string_invalid', () => encode.subjectAltName({ uri: ['spiffe://exämple.org/'] }, true))
    refuses('der_string_invalid', () => encode.subjectAltName({ dns: ['\u212aelvin.test'] }, true))
  })
})

describe('hostile lists of extensions', () => {
  const bare = '30 07 06 03 55 1d 0f 04 00'
  hostileTable(
    [
      ['30 00', 'extension_malformed', 'no extensions'],
      [`30 09 ${bare}`, null, 'one extension'],
      [`30 12 ${bare} ${bare}`, 'extension_duplicate', 'an extension twice'],
      ['30 0c 30 0a 06 03 55 1d 0f 01 01 00 04 00', 'der_default_encoded', 'critical FALSE written out'],
      ['30 0c 30 0a 06 03 55 1d 0f 01 01 01 04 00', 'der_boolean_invalid', 'critical as 01'],
      ['30 0c 30 0a 06 03 55 1d 0f 01 01 ff 04 00', null, 'critical'],
      ['30 0f 30 0d 06 03 55 1d 0f 01 01 ff 01 01 ff 04 00', 'der_tag_unexpected', 'critical twice'],
      ['30 07 30 05 06 03 55 1d 0f', 'der_truncated', 'no value'],
      ['30 0b 30 09 06 03 55 1d 0f 04 00 05 00', 'der_trailing_bytes', 'a field behind the value'],
      ['30 09 30 07 06 03 55 1d 0f 03 00', 'der_tag_unexpected', 'the value in a BIT STRING'],
    ],
    bytes => readDer(bytes, readExtensions),
  )
})

describe('hostile basicConstraints', () => {
  hostileTable(
    [
      ['30 00', null, 'no CA'],
      ['30 03 01 01 00', 'der_default_encoded', 'cA FALSE written out'],
      ['30 03 01 01 ff', null, 'a CA'],
      ['30 06 01 01 ff 02 01 ff', 'der_integer_out_of_range', 'a negative path length'],
      ['30 0f 01 01 ff 02 0a 01 00 00 00 00 00 00 00 00 00', 'der_integer_out_of_range', 'a path length of 80 bits'],
      ['30 06 02 01 00 01 01 ff', 'der_trailing_bytes', 'path length before cA'],
      ['30 05 01 01 ff 05 00', 'der_trailing_bytes', 'more fields'],
      ['30 00 00', 'der_trailing_bytes', 'a byte behind'],
      ['', 'der_truncated', 'nothing'],
    ],
    content(EXTENSIONS.basicConstraints),
  )
})

describe('hostile keyUsage', () => {
  hostileTable(
    [
      ['03 02 07 80', null, 'digitalSignature'],
      ['03 02 00 80', null, 'zero bits at the end: read, and irregular'],
      ['03 03 07 00 80', null, 'decipherOnly'],
      ['03 03 06 80 40', 'extension_malformed', 'a tenth usage'],
      ['03 04 00 80 00 80', 'extension_malformed', '24 bits'],
      ['03 02 01 81', 'der_bit_string_invalid', 'an unused bit that is set'],
      ['04 01 80', 'der_tag_unexpected', 'an OCTET STRING'],
    ],
    content(EXTENSIONS.keyUsage),
  )

  it('tells zero bits at the end', () => {
    const { keyUsage, keyUsagePadded } = content(EXTENSIONS.keyUsage)(bytesOf('03 02 00 80'))
    assert.deepEqual([keyUsage, keyUsagePadded], [new Set(['digitalSignature']), true])
  })
})

describe('other hostile extensions', () => {
  const tables = {
    extendedKeyUsage: [['30 00', 'extension_malformed', 'no purpose']],
    subjectAltName: [
      ['30 00', 'general_name_malformed', 'no name'],
      ['30 03 82 01 00', 'general_name_malformed', 'NUL in a host name'],
      ['30 03 89 01 00', 'general_name_malformed', 'a form [9]'],
      ['30 03 a2 01 41', 'general_name_malformed', 'a constructed dNSName'],
      ['30 03 0c 01 41', 'general_name_malformed', 'a UTF8String'],
      ['30 05 84 03 30 01 00', 'general_name_malformed', 'a directoryName that is not constructed'],
      ['30 04 a4 02 30 00', null, 'an empty directoryName'],
      ['30 06 a4 04 30 00 30 00', 'der_trailing_bytes', 'two directory names in one'],
      ['30 02 86 00', null, 'an empty URI is for the rules of URIs'],
      ['30 0b a0 09 06 03 2a 03 04 a0 02 05 00', null, 'an otherName'],
      ['30 08 a0 06 06 03 2a 80 01 05', 'der_oid_invalid', 'an otherName of broken DER'],
    ],
    subjectKeyIdentifier: [['03 02 00 01', 'der_tag_unexpected', 'a BIT STRING']],
    authorityKeyIdentifier: [
      ['30 00', null, 'names nothing'],
      ['30 04 a1 02 82 00', 'extension_malformed', 'an issuer without a serial number'],
      ['30 03 82 01 05', 'extension_malformed', 'a serial number without an issuer'],
      ['30 07 a1 02 82 00 82 01 05', null, 'issuer and serial number'],
      ['30 08 a1 02 82 00 82 02 00 05', 'der_integer_invalid', 'a serial number with leading zeros'],
    ],
    nameConstraints: [
      ['30 00', 'extension_malformed', 'no subtrees'],
      ['30 02 a0 00', 'extension_malformed', 'an empty list of subtrees'],
      ['30 06 a0 04 30 02 82 00', null, 'every host'],
      ['30 09 a0 07 30 05 82 00 80 01 00', 'extension_malformed', 'the minimum, which is a default'],
      ['30 09 a0 07 30 05 82 00 81 01 01', 'extension_malformed', 'a maximum'],
      ['30 0c a1 04 30 02 82 00 a0 04 30 02 82 00', 'der_trailing_bytes', 'excluded before permitted'],
    ],
    crlDistributionPoints: [
      ['30 00', 'extension_malformed', 'no points'],
      ['30 02 30 00', null, 'a point that says nothing'],
      ['30 08 30 06 a0 04 a0 02 86 00', null, 'a URI'],
      ['30 06 30 04 a0 02 a0 00', 'general_name_malformed', 'a point without names'],
      ['30 06 30 04 a0 02 a1 00', null, 'a name relative to the issuer'],
      ['30 06 30 04 a0 02 30 00', 'der_tag_unexpected', 'neither form of name'],
      ['30 06 30 04 81 02 07 81', 'der_bit_string_invalid', 'reasons with an unused bit that is set'],
    ],
    authorityInfoAccess: [
      ['30 00', 'extension_malformed', 'no descriptions'],
      ['30 07 30 05 06 03 2a 03 04', 'general_name_malformed', 'no location'],
    ],
    lanyardIdentity: [
      [`30 15 02 01 01 04 10 ${'00'.repeat(16)}`, null, 'incarnation and lineage'],
      [`30 15 02 01 ff 04 10 ${'00'.repeat(16)}`, 'der_integer_out_of_range', 'a negative incarnation'],
      [
        `30 1b 02 07 20 00 00 00 00 00 00 04 10 ${'00'.repeat(16)}`,
        'der_integer_out_of_range',
        'an incarnation of 2^53',
      ],
      [`30 1c 02 08 7f ff ff ff ff ff ff ff 04 10 ${'00'.repeat(16)}`, 'der_integer_out_of_range', 'one of 63 bits'],
      [`30 14 02 01 01 04 0f ${'00'.repeat(15)}`, 'extension_malformed', 'a short lineage'],
      [`30 17 02 01 01 04 10 ${'00'.repeat(16)} 05 00`, 'der_trailing_bytes', 'more fields'],
    ],
  } as const
  for (const [name, rows] of Object.entries(tables))
    describe(name, () => hostileTable(rows, content(EXTENSIONS[name as keyof typeof tables])))
})

it('an unknown extension stays raw, whatever it holds', () => {
  assert.deepEqual(content('1.2.3.4')(bytesOf('ff ff ff')), {})
})
