/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const DER_CODES = {
  der_truncated: {
    title: 'The DER ends too early',
    remedy: 'Send the whole value.',
  },
  der_trailing_bytes: {
    title: 'There are bytes behind the DER value',
    remedy: 'Send exactly one value, and nothing else inside or behind it.',
  },
  der_tag_unexpected: {
    title: 'Another DER type was expected',
    remedy: 'Encode the value by its schema.',
  },
  der_tag_unsupported: {
    title: 'A DER type that no certificate needs',
    remedy: 'Use types with tag numbers below 31, in their DER form.',
  },
  der_length_invalid: {
    title: 'A DER length is not definite and minimal',
    remedy: 'Encode with DER, not BER.',
  },
  der_too_large: {
    title: 'The DER value is too large',
    remedy: 'Send a value within the limit that the message names.',
  },
  der_too_deep: {
    title: 'The DER value is nested too deeply',
    remedy: 'Use fewer levels of nesting.',
  },
  der_boolean_invalid: {
    title: 'A BOOLEAN is neither 00 nor FF',
    remedy: 'Encode with DER, not BER.',
  },
  der_integer_invalid: {
    title: 'An INTEGER is not minimal',
    remedy: 'Encode with DER, not BER.',
  },
  der_integer_out_of_range: {
    title: 'An INTEGER is outside its range',
    remedy: 'Use a value within the limits that the message names.',
  },
  der_bit_string_invalid: {
    title: 'A BIT STRING has wrong unused bits',
    remedy: 'Encode with DER, not BER.',
  },
  der_null_invalid: {
    title: 'A NULL has content',
    remedy: 'Encode with DER, not BER.',
  },
  der_oid_invalid: {
    title: 'An OBJECT IDENTIFIER is malformed',
    remedy: 'Encode each arc in the fewest octets.',
  },
  der_time_invalid: {
    title: 'A time is malformed, or no date of the calendar',
    remedy: 'Write YYMMDDhhmmssZ, or YYYYMMDDhhmmssZ from 2050 on (RFC 5280, 4.1.2.5).',
  },
  der_string_invalid: {
    title: 'A string has characters that its type does not allow',
    remedy: 'Use a UTF8String for text outside ASCII.',
  },
  der_set_order: {
    title: 'The elements of a SET OF are not in order',
    remedy: 'Encode with DER, not BER.',
  },
  der_default_encoded: {
    title: 'A default value is written out',
    remedy: 'Leave out what equals the default, as DER does.',
  },
} as const
