import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readDer } from '../der/reader.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import { bytesOf, hostileTable, refuses } from '../refusals.suite.ts'
import { EMPTY_NAME, encodeName, formatName, readName } from './name.ts'

const parseName = (der: Uint8Array) => readDer(der, readName)

describe('names', () => {
  it('are read as they were encoded', () => {
    const attribute = fc.constantFrom('CN' as const, 'O' as const, 'OU' as const, 'L' as const, 'ST' as const)
    fc.assert(
      fc.property(fc.array(fc.tuple(attribute, fc.string({ unit: 'binary', maxLength: 20 }))), attributes => {
        const der = encodeName(attributes)
        const name = parseName(der)
        assert.deepEqual(name.der, der)
        assert.equal(name.isEmpty, attributes.length === 0)
        const expected = attributes.map(([type, text]) => ({ oid: NAME_ATTRIBUTES[type], text }))
        assert.deepEqual(name.attributes, expected)
      }),
    )
  })

  it('have types of their own for countries and domains', () => {
    assert.deepEqual(encodeName([['C', 'DE']]), bytesOf('300d 310b 3009 0603550406 1302 4445'))
    assert.deepEqual(encodeName([['DC', 'a']]), bytesOf('3013 3111 300f 060a0992268993f22c640119 1601 61'))
    refuses('der_string_invalid', () => encodeName([['C', 'Ö']]))
  })

  it('without attributes are empty', () => {
    assert.deepEqual(encodeName([]), EMPTY_NAME)
    assert.equal(parseName(EMPTY_NAME).isEmpty, true)
  })

  it('are shown without what would deceive a terminal', () => {
    const name = parseName(
      encodeName([
        ['O', 'a, CN=b'],
        ['CN', '\u001b[2J\u202eevil\n\u2028'],
      ]),
    )
    assert.equal(formatName(name), 'O=a\\, CN=b, CN=?[2J?evil??')
    const other = parseName(bytesOf('3011 310f 300d 06032a0304 0306000102030405'))
    assert.equal(formatName(other), '1.2.3.4=(binary)')
  })
})

describe('hostile names', () => {
  hostileTable(
    [
      ['30 02 31 00', 'name_malformed', 'an RDN without attributes'],
      ['30 0c 31 0a 30 08 06 03 55 04 03 0c 01 41', null, 'a common name'],
      ['30 0e 31 0c 30 0a 06 03 55 04 03 0c 01 41 05 00', 'der_trailing_bytes', 'a value too many'],
      ['30 09 31 07 30 05 06 03 55 04 03', 'der_truncated', 'an attribute without value'],
      ['30 0c 30 0a 30 08 06 03 55 04 03 0c 01 41', 'der_tag_unexpected', 'a SEQUENCE for a SET'],
      ['30 0c 31 0a 30 08 06 03 55 04 03 13 01 40', 'der_string_invalid', '@ in a PrintableString'],
      ['30 0c 31 0a 30 08 06 03 55 04 03 0c 01 ff', 'der_string_invalid', 'a UTF8String that is none'],
      ['30 0c 31 0a 30 08 06 03 55 84 03 0c 01 41', null, 'another OID'],
      ['30 0c 31 0a 30 08 06 03 55 04 83 0c 01 41', 'der_oid_invalid', 'an OID that is cut short'],
      [
        '30 16 31 14 30 08 06 03 55 04 03 0c 01 42 30 08 06 03 55 04 03 0c 01 41',
        'der_set_order',
        'attributes of one RDN in the wrong order',
      ],
    ],
    parseName,
  )
})
