import { decodePem } from '@lanyard/protocol'
import type { ProxyFormat } from '../proxies/headers.ts'

type Headers = Readonly<Record<string, string>>

const dersOf = (pem: string) => decodePem(pem, { labels: ['CERTIFICATE'] }).map(({ der }) => Buffer.from(der))
const item = (der: Buffer) => `:${der.toString('base64')}:`
const blockOf = (pem: string, at: number) =>
  `${pem.split('-----END CERTIFICATE-----\n')[at]}-----END CERTIFICATE-----\n`
/** AWS leaves three characters of base64 as they are. */
const byAws = (text: string) =>
  encodeURIComponent(text).replaceAll('%2B', '+').replaceAll('%3D', '=').replaceAll('%2F', '/')

/** What a proxy sends of a client with these certificates (PEM, the leaf first), in each format. */
export const FORWARDED: Readonly<Record<ProxyFormat, (pem: string) => Headers>> = {
  rfc9440(pem) {
    const [leaf, ...chain] = dersOf(pem)
    return { 'Client-Cert': item(leaf!), 'Client-Cert-Chain': chain.map(item).join(', ') }
  },
  envoy: pem => ({
    'x-forwarded-client-cert': `Hash=00;Cert="${encodeURIComponent(blockOf(pem, 0))}";Chain="${encodeURIComponent(pem)}";Subject=""`,
  }),
  alb: pem => ({ 'X-Amzn-Mtls-Clientcert': byAws(pem) }),
  'alb-verify': pem => ({
    'X-Amzn-Mtls-Clientcert-Serial-Number': '03A5B1',
    'X-Amzn-Mtls-Clientcert-Issuer': 'CN=agents,O=Acme',
    'X-Amzn-Mtls-Clientcert-Subject': 'CN=a1,O=Acme',
    'X-Amzn-Mtls-Clientcert-Validity': 'NotBefore=2026-11-21T01:50:17Z;NotAfter=2026-11-21T02:50:17Z',
    'X-Amzn-Mtls-Clientcert-Leaf': byAws(blockOf(pem, 0)),
  }),
  nginx: pem => ({ 'X-SSL-Client-Cert': encodeURIComponent(blockOf(pem, 0)) }),
  haproxy: pem => ({ 'X-SSL-Client-Cert': dersOf(pem)[0]!.toString('base64') }),
}
