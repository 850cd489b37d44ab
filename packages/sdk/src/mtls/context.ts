import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Svid } from '../identity/svid.ts'

/** TLS 1.3 and nothing older; no session tickets, since a resumed session skips the checks of the peer. */
export const TLS_RULES = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions

/** Key, certificate with its intermediates, and the roots that peers are judged by. */
export function contextOptions(svid: Svid): SecureContextOptions {
  return { ...TLS_RULES, key: svid.privateKeyPem(), cert: svid.certificate + svid.chain, ca: svid.bundle }
}

const contexts = new WeakMap<Svid, SecureContext>()

/** The context for connections that this side opens; one for each certificate. */
export function clientContext(svid: Svid): SecureContext {
  const known = contexts.get(svid)
  if (known !== undefined) return known
  const context = createSecureContext(contextOptions(svid))
  contexts.set(svid, context)
  return context
}
