import type { SecureContext, TLSSocket } from 'node:tls'
import { parseIpAddress, verifyChain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { codeOf, IdentityError } from '../errors.ts'
import { handshake } from '../mtls/handshake.ts'
import { asksNode, chainOf, checkHandshake } from '../mtls/peer.ts'
import { SKEW_SEC } from '../mtls/session.ts'
import type { TimeSource } from '../time.ts'
import { certificatesOf } from './certificates.ts'

const CODES = {
  unreachable: 'authority_unreachable',
  untrusted: 'authority_untrusted',
  ended: 'authority_untrusted',
} as const

/** How to reach the authority. */
export interface AuthorityConnection {
  readonly url: URL
  readonly time: TimeSource
  readonly context: SecureContext
  /** PEM of the roots that it must prove itself under; null: anyone's server, to which nothing may be told. */
  readonly roots: string | null
  readonly alpn: 'http/1.1' | 'h2'
  readonly signal?: AbortSignal | undefined
}

/**
 * A connection to the authority, which has proved itself.
 *
 * @throws IdentityError `authority_unreachable`, `authority_untrusted`
 */
export async function connectAuthority(connection: AuthorityConnection): Promise<TLSSocket> {
  const { url, time, context, roots, alpn, signal } = connection
  const { socket } = await handshake({
    host: hostOf(url),
    port: url.port === '' ? 443 : Number(url.port),
    tls: {
      secureContext: context,
      rejectUnauthorized: roots !== null && asksNode(time),
      ALPNProtocols: [alpn],
    },
    judge: tls => (roots === null ? undefined : judge(tls, url, roots, time)),
    codes: CODES,
    signal,
  })
  return socket
}

/** @throws TypeError for a URL that is not https: or holds a password */
export function parseAuthorityUrl(text: string | URL): URL {
  const url = new URL(text)
  // The token would go in the clear.
  if (url.protocol !== 'https:') throw new TypeError(`expected an https: URL of the authority, got ${url.protocol}`)
  if (url.username || url.password) throw new TypeError('expected a URL without a user and a password')
  return url
}

/** What stands before the path of every route. */
export const prefixOf = (url: URL): string => url.pathname.replace(/\/+$/, '')

const hostOf = (url: URL) => (url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname)

/** The server's chain against the roots, and its names against the host of the URL. */
function judge(socket: TLSSocket, url: URL, roots: string, time: TimeSource): void {
  try {
    checkHandshake(socket)
    const [leaf, ...intermediates] = chainOf(socket)
    const host = hostOf(url)
    const ip = parseIpAddress(host)
    verifyChain(
      {
        leaf: leaf!,
        intermediates,
        roots: certificatesOf(roots),
        at: Math.floor(time.now() / 1000),
        purpose: 'serverAuth',
        name: ip === null ? { dns: host } : { ip },
        notAfterGrace: SKEW_SEC,
      },
      nodeCrypto,
    )
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : ''
    throw new IdentityError('authority_untrusted', `${url.host} does not prove itself: ${codeOf(cause)}: ${detail}`, {
      cause,
    })
  }
}
