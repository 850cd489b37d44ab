import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** TLS 1.3 and nothing older; no session tickets, since a resumed session skips the checks of the peer. */
export const TLS_RULES = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions

/** What a side proves itself with, and what it judges the other by, in PEM. Without a certificate it proves nothing. */
export interface LinkCredential {
  readonly certificate: string
  readonly chain: string
  readonly bundle: string
  /** The roots of others as well; those of the bundle alone when absent. */
  readonly everyRoot?: string
  privateKeyPem(): string
}

/** Key, certificate with its intermediates, and the roots that peers are judged by. */
export function contextOptions(own: LinkCredential): SecureContextOptions {
  const proof = own.certificate === '' ? {} : { key: own.privateKeyPem(), cert: own.certificate + own.chain }
  return { ...TLS_RULES, ...proof, ca: own.everyRoot ?? own.bundle }
}

const contexts = new WeakMap<LinkCredential, SecureContext>()

/** The context for connections that this side opens; one for each certificate. */
export function clientContext(own: LinkCredential): SecureContext {
  const known = contexts.get(own)
  if (known !== undefined) return known
  const context = createSecureContext(contextOptions(own))
  contexts.set(own, context)
  return context
}
