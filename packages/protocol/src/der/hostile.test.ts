import { describe } from 'node:test'
import { hostileTable } from '../refusals.suite.ts'
import { parseValue } from './value.ts'

// Every fixed bug adds a row. Accepted rows show where the border lies.
describe('hostile lengths', () => {
  hostileTable(
    [
      ['', 'der_truncated', 'nothing'],
      ['30', 'der_truncated', 'a tag alone'],
      ['30 80 00 00', 'der_length_invalid', 'indefinite length'],
      ['30 81', 'der_truncated', 'a length that does not come'],
      ['30 82 01', 'der_truncated', 'a length cut short'],
      ['30 81 00', 'der_length_invalid', 'zero in the long form'],
      ['04 81 01 00', 'der_length_invalid', 'one in the long form'],
      [`04 81 7f ${'00'.repeat(127)}`, 'der_length_invalid', '127 in the long form'],
      [`04 81 80 ${'00'.repeat(128)}`, null, '128 needs the long form'],
      [`04 82 00 80 ${'00'.repeat(128)}`, 'der_length_invalid', 'leading zeros in a length'],
      [`04 81 ff ${'00'.repeat(255)}`, null, '255 in one octet'],
      [`04 82 00 ff ${'00'.repeat(255)}`, 'der_length_invalid', '255 in two octets'],
      [`04 82 01 00 ${'00'.repeat(256)}`, null, '256 in two octets'],
      ['04 83 01 00 00', 'der_truncated', 'more octets announced than there are'],
      ['04 84 01 00 00 00', 'der_length_invalid', 'a length of 16 MiB'],
      ['04 84 ff ff ff ff', 'der_length_invalid', 'a length that is negative in 32 bits'],
      ['04 88 00 00 00 00 00 00 00 01', 'der_length_invalid', 'one in eight octets'],
      ['04 88 ff ff ff ff ff ff ff ff', 'der_length_invalid', 'a length beyond all numbers'],
      ['04 ff 01', 'der_truncated', '127 length octets, most of them missing'],
      [`04 ff ${'01'.repeat(127)}`, 'der_length_invalid', '127 length octets, reserved'],
      ['30 03 04 02 00', 'der_truncated', 'an inner value that leaves its outer one'],
      ['30 02 04 7f', 'der_truncated', 'an inner length far beyond its outer one'],
      ['30 01 04', 'der_truncated', 'an inner tag alone'],
      ['04 01 00 00', 'der_trailing_bytes', 'a byte behind the value'],
      ['30 00 30 00', 'der_trailing_bytes', 'a second value'],
      ['05 00 00 00', 'der_trailing_bytes', 'end-of-contents behind the value'],
      [`04 83 01 00 00 ${'00'.repeat(65_536)}`, 'der_too_large', 'more than 64 KiB'],
    ],
    parseValue,
  )
})

describe('hostile tags', () => {
  hostileTable(
    [
      ['00 00', 'der_tag_unsupported', 'end-of-contents as a value'],
      ['1f 01 00', 'der_tag_unsupported', 'a tag number in more octets'],
      ['9f 1f 00', 'der_tag_unsupported', 'a small tag number in more octets'],
      ['9f 81 80 01 00', 'der_tag_unsupported', 'a large tag number'],
      ['bf 03 00', 'der_tag_unsupported', '[3] in two octets, which has a form in one'],
      ['24 04 04 02 00 00', 'der_tag_unsupported', 'an OCTET STRING in pieces'],
      ['23 03 03 01 00', 'der_tag_unsupported', 'a BIT STRING in pieces'],
      ['2c 03 0c 01 41', 'der_tag_unsupported', 'a UTF8String in pieces'],
      ['10 00', 'der_tag_unsupported', 'a SEQUENCE that is not constructed'],
      ['11 00', 'der_tag_unsupported', 'a SET that is not constructed'],
      ['22 01 00', 'der_tag_unsupported', 'a constructed INTEGER'],
      ['25 00', 'der_tag_unsupported', 'a constructed NULL'],
      ['09 01 40', 'der_tag_unsupported', 'a REAL'],
      ['08 00', 'der_tag_unsupported', 'an EXTERNAL'],
      ['0d 01 01', 'der_tag_unsupported', 'a RELATIVE-OID'],
      ['a0 00', null, 'an empty [0]'],
      ['80 01 ff', null, 'an implicit [0]: its octets are for the schema'],
    ],
    parseValue,
  )
})

describe('hostile nesting', () => {
  hostileTable(
    [
      [nested(32), null, '32 levels'],
      [nested(33), 'der_too_deep', '33 levels'],
      [nested(16_000), 'der_too_deep', '16,000 levels, to exhaust the stack'],
      [`${'31 80'.repeat(16_000)}`, 'der_length_invalid', '16,000 indefinite lengths'],
    ],
    parseValue,
  )
})

function nested(levels: number): string {
  let octets: number[] = []
  for (let level = 0; level < levels; level++) octets = header(octets.length).concat(octets)
  return Buffer.from(octets).toString('hex')
}

function header(length: number): number[] {
  if (length < 0x80) return [0x30, length]
  return length < 0x100 ? [0x30, 0x81, length] : [0x30, 0x82, length >> 8, length & 0xff]
}

describe('hostile integers, booleans and NULL', () => {
  hostileTable(
    [
      ['02 00', 'der_integer_invalid', 'no octets'],
      ['02 02 00 00', 'der_integer_invalid', 'zero in two octets'],
      ['02 02 00 7f', 'der_integer_invalid', '127 in two octets'],
      ['02 02 00 80', null, '128 needs two'],
      ['02 02 ff ff', 'der_integer_invalid', '-1 in two octets'],
      ['02 02 ff 80', 'der_integer_invalid', '-128 in two octets'],
      ['02 02 ff 7f', null, '-129 needs two'],
      ['02 01 ff', null, '-1'],
      ['02 0a 00 00 00 00 00 00 00 00 00 01', 'der_integer_invalid', 'one in ten octets'],
      ['0a 02 00 01', 'der_integer_invalid', 'an ENUMERATED with a leading zero'],
      ['01 01 01', 'der_boolean_invalid', 'TRUE as 01'],
      ['01 01 7f', 'der_boolean_invalid', 'TRUE as 7F'],
      ['01 00', 'der_boolean_invalid', 'a BOOLEAN without octets'],
      ['01 02 00 00', 'der_boolean_invalid', 'a BOOLEAN of two octets'],
      ['01 01 ff', null, 'TRUE'],
      ['05 01 00', 'der_null_invalid', 'NULL with content'],
    ],
    parseValue,
  )
})

describe('hostile bit strings', () => {
  hostileTable(
    [
      ['03 00', 'der_bit_string_invalid', 'without the octet of unused bits'],
      ['03 01 01', 'der_bit_string_invalid', 'unused bits of nothing'],
      ['03 01 00', null, 'no bits'],
      ['03 02 08 00', 'der_bit_string_invalid', 'eight unused bits'],
      ['03 02 ff 00', 'der_bit_string_invalid', '255 unused bits'],
      ['03 02 01 01', 'der_bit_string_invalid', 'an unused bit that is set'],
      ['03 02 07 c0', 'der_bit_string_invalid', 'an unused bit that is set'],
      ['03 02 07 80', null, 'one bit'],
    ],
    parseValue,
  )
})

describe('hostile object identifiers', () => {
  hostileTable(
    [
      ['06 00', 'der_oid_invalid', 'no arcs'],
      ['06 01 80', 'der_oid_invalid', 'a first arc that is cut short'],
      ['06 02 2a 86', 'der_oid_invalid', 'a last arc that is cut short'],
      ['06 03 2a 80 01', 'der_oid_invalid', 'an arc with leading zeros'],
      ['06 04 2a 80 80 01', 'der_oid_invalid', 'an arc with more leading zeros'],
      ['06 02 80 01', 'der_oid_invalid', 'a first arc with leading zeros'],
      ['06 03 2a 86 80', 'der_oid_invalid', 'a last arc that ends in a continuation'],
      ['06 03 88 37 03', null, '2.999.3'],
      ['06 14 69 83 f8 80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 01', null, '2.25 and 128 bits'],
      [`06 81 80 2a ${'01'.repeat(127)}`, null, '128 octets'],
      [`06 81 81 2a ${'01'.repeat(128)}`, 'der_oid_invalid', '129 octets'],
      [`06 82 10 00 ${'ff'.repeat(4095)} 7f`, 'der_oid_invalid', 'an arc of 28,672 bits, to be converted to decimals'],
    ],
    parseValue,
  )
})

describe('hostile times', () => {
  const utc = (text: string) => `17 ${size(text)} ${Buffer.from(text).toString('hex')}`
  const generalized = (text: string) => `18 ${size(text)} ${Buffer.from(text).toString('hex')}`
  hostileTable(
    [
      [utc('260601120000Z'), null, 'a UTCTime'],
      [utc('2606011200Z'), 'der_time_invalid', 'seconds are missing'],
      [utc('260601120000'), 'der_time_invalid', 'no time zone'],
      [utc('260601120000z'), 'der_time_invalid', 'a small z'],
      [utc('260601120000+0000'), 'der_time_invalid', 'an offset of zero'],
      [utc('260601120000-0700'), 'der_time_invalid', 'an offset'],
      [utc('260601120000.5Z'), 'der_time_invalid', 'a fraction'],
      [utc('20260601120000Z'), 'der_time_invalid', 'four digits of a year'],
      [utc('260229120000Z'), 'der_time_invalid', '29 February of a year without one'],
      [utc('240229120000Z'), null, '29 February of a leap year'],
      [utc('000229120000Z'), null, '29 February 2000'],
      [utc('260431120000Z'), 'der_time_invalid', '31 April'],
      [utc('260400120000Z'), 'der_time_invalid', 'day zero'],
      [utc('260001120000Z'), 'der_time_invalid', 'month zero'],
      [utc('261301120000Z'), 'der_time_invalid', 'month 13'],
      [utc('260601240000Z'), 'der_time_invalid', '24 hours'],
      [utc('260601126000Z'), 'der_time_invalid', 'minute 60'],
      [utc('261231235960Z'), 'der_time_invalid', 'a leap second'],
      [utc('26060112000 Z'), 'der_time_invalid', 'a blank for a digit'],
      [utc('2606011200-1Z'), 'der_time_invalid', 'a sign for a digit'],
      [utc('26060112000:Z'), 'der_time_invalid', 'the character behind 9'],
      [generalized('20500101000000Z'), null, 'a GeneralizedTime'],
      [generalized('20260601120000.0Z'), 'der_time_invalid', 'a fraction of zero'],
      [generalized('20260601120000,5Z'), 'der_time_invalid', 'a fraction with a comma'],
      [generalized('2026060112Z'), 'der_time_invalid', 'hours alone'],
      [generalized('20260601120000'), 'der_time_invalid', 'local time'],
      [generalized('20260601120000+0100'), 'der_time_invalid', 'an offset'],
      [generalized('21000229000000Z'), 'der_time_invalid', '29 February 2100'],
      [generalized('260601120000Z'), 'der_time_invalid', 'two digits of a year'],
      [generalized('99991231235959Z'), null, 'no end (RFC 5280, 4.1.2.5)'],
    ],
    parseValue,
  )
})

function size(text: string): string {
  return text.length.toString(16).padStart(2, '0')
}

describe('hostile strings', () => {
  hostileTable(
    [
      ['13 01 2a', 'der_string_invalid', 'an asterisk in a PrintableString'],
      ['13 01 40', 'der_string_invalid', 'an @ in a PrintableString'],
      ['13 01 00', 'der_string_invalid', 'NUL in a PrintableString'],
      ['12 01 41', 'der_string_invalid', 'a letter in a NumericString'],
      ['16 01 80', 'der_string_invalid', 'beyond ASCII in an IA5String'],
      ['1a 01 0a', 'der_string_invalid', 'a line break in a VisibleString'],
      ['0c 02 c0 80', 'der_string_invalid', 'NUL in two bytes in a UTF8String'],
      ['0c 01 ff', 'der_string_invalid', 'no UTF-8 in a UTF8String'],
      ['1e 01 41', 'der_string_invalid', 'half a character in a BMPString'],
      ['1e 04 d8 3d de 00', 'der_string_invalid', 'surrogates in a BMPString'],
      ['1c 03 00 00 41', 'der_string_invalid', 'part of a character in a UniversalString'],
      ['1c 04 00 11 00 00', 'der_string_invalid', 'beyond U+10FFFF in a UniversalString'],
      ['1c 04 00 00 d8 00', 'der_string_invalid', 'a surrogate in a UniversalString'],
      ['1c 04 ff ff ff ff', 'der_string_invalid', 'a negative character in a UniversalString'],
    ],
    parseValue,
  )
})

describe('hostile sets', () => {
  hostileTable(
    [
      ['31 06 02 01 02 02 01 01', 'der_set_order', 'elements in the wrong order'],
      ['31 06 02 01 01 02 01 02', null, 'elements in order'],
      ['31 06 02 01 01 02 01 01', null, 'an element twice, which SET OF allows'],
      ['31 07 04 02 00 00 04 01 ff', 'der_set_order', 'a longer element first'],
    ],
    parseValue,
  )
})
