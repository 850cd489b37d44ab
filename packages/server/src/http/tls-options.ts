import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { ServerTls } from './ports.ts'

/**
 * TLS 1.3 alone. Client certificates are asked for and judged by our own chain validation, so that each refusal has a
 * code and an ended certificate may still renew. OpenSSL has no trust store here: it would verify the same path again,
 * and who it calls authorized is never asked. No tickets: a resumed session would stand for a certificate that has
 * since ended. Groups are OpenSSL's own: X25519MLKEM768 first.
 */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: false,
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies TlsOptions

/** The options above with the server's own certificate, for a new server or a new context. */
export const withCertificate = ({ key, cert }: ServerTls) => ({ ...TLS_OPTIONS, ca: [...TLS_OPTIONS.ca], key, cert })

/** What is shown to clients that ask for a name; null: the same as to others. */
export const namedContext = ({ key, namedCert }: ServerTls): SecureContext | null =>
  namedCert === undefined ? null : createSecureContext(withCertificate({ key, cert: namedCert }))
