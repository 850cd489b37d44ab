/** Refusals of texts that stand for bytes: code → title and remedy. Tests assert the code; texts may improve. */
export const TEXT_CODES = {
  hex_invalid: {
    title: 'Not lower-case hex',
    remedy: 'Write two digits of 0-9 and a-f for each byte, with nothing between them.',
  },
  base64_invalid: {
    title: 'Not strict base64',
    remedy: 'Use the alphabet and the padding that are expected here, without line breaks and with spare bits zero.',
  },
  utf8_invalid: {
    title: 'Not valid UTF-8',
    remedy: 'Encode the text as UTF-8, without surrogates and overlong forms.',
  },
  pem_malformed: {
    title: 'Not valid PEM',
    remedy: 'Send whole blocks from BEGIN to END, with base64 between them and no headers (RFC 7468).',
  },
  pem_label_unexpected: {
    title: 'The PEM holds something else than expected',
    remedy: 'Send blocks of the kind that the message names.',
  },
  pem_empty: {
    title: 'The text has no PEM block',
    remedy: 'Send at least one block that begins with -----BEGIN.',
  },
  pem_too_large: {
    title: 'The PEM is too large',
    remedy: 'Send fewer or smaller blocks, within the limits that the message names.',
  },
} as const
