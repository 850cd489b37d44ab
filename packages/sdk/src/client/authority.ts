import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { codeOf, IdentityError } from '../errors.ts'
import type { Svid } from '../identity/svid.ts'
import { contextOptions, TLS_RULES } from '../mtls/context.ts'
import { singleClient } from '../mtls/single-client.ts'
import type { TimeSource } from '../time.ts'
import { connectAuthority, parseAuthorityUrl, prefixOf } from './connect.ts'
import {
  type Answer,
  type CertificateReply,
  type CertificateRequest,
  parseAgentToken,
  parseReply,
  problemOf,
} from './reply.ts'
import { parseFingerprint, pinnedRoot } from './root.ts'

const MAX_REPLY_BYTES = 256 * 1024
const ANSWER_TIMEOUT_MS = 15_000

/** What a certificate is asked for with: the token for the first of a lineage, the newest certificate for each further one. */
export type Credential = { readonly token: string } | { readonly svid: Svid }

/** For whom a provider vouches, and the key that shall be certified: its thumbprint (RFC 7638, SHA-256, base64url). */
export interface Vouching {
  readonly tenant: string
  readonly jkt: string
}

/** A reply, and the authority's clock when it came (Unix milliseconds; null when the reply does not tell). */
export interface Issued {
  readonly reply: CertificateReply
  readonly serverTime: number | null
}

interface Post {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
  readonly tls: SecureContextOptions
  readonly signal: AbortSignal | undefined
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** The authority, as its clients see it: one server, known by its host name under a root that was pinned. */
export class Authority {
  readonly #url: URL
  readonly #fingerprint: Buffer
  readonly #time: TimeSource
  // PEM of the roots believed: the pinned one, later those of the newest bundle, so that a root can be replaced.
  #roots: string | null = null

  /** @throws TypeError for a URL that is not https: or a fingerprint that is not one */
  constructor(options: { readonly url: string | URL; readonly rootSha256: string; readonly time: TimeSource }) {
    this.#url = parseAuthorityUrl(options.url)
    this.#fingerprint = parseFingerprint(options.rootSha256)
    this.#time = options.time
  }

  /**
   * Asks for a certificate. Nothing is sent, the token least of all, before the server has proved itself.
   *
   * @throws IdentityError `authority_unreachable`, `authority_untrusted`, `fingerprint_mismatch`, `reply_invalid`, and
   *   the codes of the authority
   */
  async issue(request: CertificateRequest, credential: Credential, signal?: AbortSignal): Promise<Issued> {
    const byToken = 'token' in credential
    const answer = await this.#post({
      path: '/v1/agent/auth/cert',
      headers: byToken ? bearer(credential.token) : {},
      body: request,
      tls: byToken ? TLS_RULES : contextOptions(credential.svid),
      signal,
    })
    if (answer.status !== 201) throw problemOf(answer, this.#time.now())
    const serverTime = Date.parse(String(answer.headers.date))
    return { reply: parseReply(answer.text), serverTime: Number.isNaN(serverTime) ? null : serverTime }
  }

  /**
   * Exchanges a token of the tenant's identity provider for an agent token, which certifies that key and no other. The
   * same token with the same key again gives an agent token of the same lineage.
   *
   * @throws IdentityError as {@link issue}
   */
  async exchange(idpToken: string, { tenant, jkt }: Vouching, signal?: AbortSignal): Promise<string> {
    const answer = await this.#post({
      path: '/v1/agent/federated-bootstrap',
      headers: { ...bearer(idpToken), 'x-lanyard-tenant-id': tenant },
      body: { jkt },
      tls: TLS_RULES,
      signal,
    })
    if (answer.status !== 200) throw problemOf(answer, this.#time.now())
    return parseAgentToken(answer.text)
  }

  /** Believes these roots (PEM) from now on; they came from the authority itself. */
  believe(bundle: string): void {
    this.#roots = bundle
  }

  /** Sends nothing before the server has proved itself under the roots that are believed. */
  async #post({ path, headers, body, tls, signal }: Post): Promise<Answer> {
    this.#roots ??= await this.root(signal)
    const roots = this.#roots
    try {
      const socket = await this.#connect(createSecureContext({ ...tls, ca: roots }), roots, signal)
      return await this.#send(socket, {
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        ...(signal ? { signal } : {}),
      })
    } catch (error) {
      // The roots may have been replaced while this side slept: ask for them again, and believe the fingerprint.
      if (error instanceof IdentityError && error.code === 'authority_untrusted') this.#roots = null
      throw error
    }
  }

  /**
   * The root with the fingerprint, from a server that nobody has vouched for yet: nothing but a GET goes there.
   *
   * @returns PEM
   * @throws IdentityError `authority_unreachable`, `fingerprint_mismatch`, `reply_invalid`
   */
  async root(signal?: AbortSignal): Promise<string> {
    const socket = await this.#connect(createSecureContext(TLS_RULES), null, signal)
    const answer = await this.#send(socket, { method: 'GET', path: '/v1/root.pem', ...(signal ? { signal } : {}) })
    if (answer.status !== 200) throw problemOf(answer, this.#time.now())
    try {
      return pinnedRoot(answer.text, this.#fingerprint)
    } catch (cause) {
      if (cause instanceof IdentityError) throw cause
      throw new IdentityError('reply_invalid', `expected the roots in PEM: ${codeOf(cause)}`, { cause })
    }
  }

  #connect(context: SecureContext, roots: string | null, signal?: AbortSignal): Promise<TLSSocket> {
    return connectAuthority({ url: this.#url, time: this.#time, context, roots, alpn: 'http/1.1', signal })
  }

  async #send(
    socket: TLSSocket,
    request: {
      method: 'GET' | 'POST'
      path: string
      headers?: Record<string, string>
      body?: string
      signal?: AbortSignal
    },
  ): Promise<Answer> {
    const timeouts = {
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      maxResponseSize: MAX_REPLY_BYTES,
    }
    const client = singleClient(this.#url.origin, socket, timeouts)
    try {
      const { statusCode, headers, body } = await client.request({
        ...request,
        path: `${prefixOf(this.#url)}${request.path}`,
      })
      return { status: statusCode, headers, text: await body.text() }
    } catch (cause) {
      if (request.signal?.aborted) throw request.signal.reason
      throw new IdentityError('authority_unreachable', `no answer from ${this.#url.host}: ${codeOf(cause)}`, { cause })
    } finally {
      client.destroy().catch(() => {})
    }
  }
}
