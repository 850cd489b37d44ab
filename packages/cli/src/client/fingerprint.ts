import { createHash } from 'node:crypto'
import { Misuse, refuse } from '../problem.ts'
import { agentFor, exchange } from './exchange.ts'

/** Lower-case hex of a SHA-256, however it was written: upper case and colons as OpenSSL prints them are fine. */
export function parseFingerprint(text: string, where: string): string {
  const hex = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw new Misuse(
    `${where}: expected the SHA-256 of the root certificate, 64 hex digits, got ${text.length} characters`,
  )
}

/** SHA-256 of the DER of each certificate in a PEM text, in order, with the certificate itself. */
export function rootsIn(pem: string): { readonly sha256: string; readonly pem: string }[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}-----END CERTIFICATE-----/g) ?? []
  return blocks.map(block => {
    const der = Buffer.from(block.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
    return { sha256: createHash('sha256').update(der).digest('hex'), pem: `${block}\n` }
  })
}

/**
 * The root certificate with this fingerprint, in PEM, from the server itself. Whoever answers is not believed, and is
 * told nothing: only a root that has the fingerprint is taken, and every later connection is judged by it.
 *
 * @throws Refusal `fingerprint_mismatch`, `server_unreachable`
 */
export async function fetchRoot(url: URL, fingerprint: string): Promise<string> {
  const reply = await exchange(agentFor('unproven'), { method: 'GET', url: new URL('v1/root.pem', url) })
  const roots = rootsIn(reply.body)
  const root = roots.find(({ sha256 }) => sha256 === fingerprint)
  if (root) return root.pem
  const got =
    roots.length === 0 ? `no certificate (status ${reply.status})` : roots.map(({ sha256 }) => sha256).join(', ')
  throw refuse('fingerprint_mismatch', `${url.host}: expected root ${fingerprint}, got ${got}`)
}
