/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const FORWARDED_CODES = {
  forwarded_malformed: {
    title: 'The header does not hold a client certificate in the expected form',
    remedy: 'Let the proxy write the header alone, in the form that this side is set to read.',
  },
  forwarded_ambiguous: {
    title: 'The header speaks of more than one client',
    remedy: 'Let the proxy replace what clients and other proxies sent, and not append to it.',
  },
  forwarded_too_large: {
    title: 'The header with the client certificate is too large',
    remedy: 'Send fewer or smaller certificates, within the limits that the message names.',
  },
} as const
