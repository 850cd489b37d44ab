import { decodeBase64 } from '../base64.ts'
import { decoded, type ForwardedChain, malformed, requireModest } from './chain.ts'

/**
 * The certificate of `%[ssl_c_der,base64]` of HAProxy, which says nothing of those above it.
 *
 * @throws ProtocolError `forwarded_malformed`, `forwarded_too_large`
 */
export function readBase64Der(value: string): ForwardedChain {
  requireModest(value)
  if (value === '') throw malformed('expected a certificate, got nothing')
  return [decoded('base64', () => decodeBase64(value))]
}
