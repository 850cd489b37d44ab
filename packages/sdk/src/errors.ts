/** Refusals that the SDK makes itself: code → what to do. Those of the authority come with their own remedy. */
export const SDK_CODES = {
  // Reaching the authority
  authority_unreachable: 'Check the URL, the network and that `lanyard up` runs. The SDK tries again by itself.',
  authority_untrusted: 'Check the URL: its host must stand in the certificate that the authority shows under the root.',
  fingerprint_mismatch: 'Compare rootSha256 with what `lanyard up` prints; somebody may be in between.',
  authority_unknown: 'Give the option `authority`, the URL of the authority whose agent this is.',
  reply_invalid: 'Check that the URL is that of a Lanyard authority, and that SDK and authority fit together.',
  token_unavailable: 'Make the function given as `token` or `idpToken` return a fresh token, or the file hold one.',
  idp_token_spent:
    'Wait for the next token of the provider, or have it give one: each opens one lineage. The SDK asks again by itself.',

  // The own identity
  identity_changed: 'Check the authority: a renewal must give the same SPIFFE ID.',
  identity_expired: 'Wait for `renewed`, or see the last `failing` or `lost` event for the reason.',
  identity_dead: 'See the incident at the authority; when it is settled, have the agent reinstated and start it anew.',
  identity_withdrawn:
    'See why at the authority, or in the log of the daemon; it is used again as soon as it is given again.',
  identity_closed: 'Make a new Identity; this one was closed.',
  files_invalid: 'Give certificate, key and bundle that belong together, as `lanyard cert request --out` writes them.',
  environment_missing:
    'Set SPIFFE_ENDPOINT_SOCKET, LANYARD_SVID_DIR, or LANYARD_URL, LANYARD_ROOT_SHA256 and a token, as the README says.',

  // The Workload API
  workload_api_address_invalid:
    'Set SPIFFE_ENDPOINT_SOCKET to unix:///PATH of the socket, or give the option `socket`.',
  workload_api_unreachable: 'Check that the daemon runs and that the socket is the one that it serves.',
  workload_api_untrusted:
    'Check who owns the socket and the folders above it; name the user of the daemon in the option `trustedUids`.',
  workload_api_reply_invalid: 'Check that a SPIFFE Workload API answers at this socket, and see the log of the daemon.',
  workload_api_refused: 'Report this with the message: the daemon holds the request itself to be wrong.',
  workload_api_unavailable: 'Wait: the daemon cannot get at an identity at present. See its log if it stays so.',
  workload_api_unsupported: 'Ask a daemon that offers this part of the Workload API.',
  keys_elsewhere:
    'Use fetch(), dispatcher(), agent(), connect() and serve() alone, or leave out the option `keys: "daemon"`.',
  no_identity:
    'Have this program registered, or started as its entry demands: `lanyard entry explain --pid` on its machine says why.',

  unexpected: 'Report this; the cause is attached to the error.',

  // The other side
  url_not_https: 'Use an https: URL; an identity is never shown over plain HTTP.',
  peer_unreachable: 'Check the URL and that the peer listens.',
  peer_untrusted:
    'Check that the peer has an X.509-SVID, and that its trust domain is one that this identity holds the bundle of.',
  peer_not_allowed: 'Check the SPIFFE ID of the peer, and the authorizer given as `peer` or `allow`.',
  peer_dead: 'Its identity was taken away; see the incident at the authority.',
  liveness_stale:
    'Check that the authority can be reached, and its database: without news of who is alive guarded calls are refused.',
  peer_certificate_ended: 'Check the clock of both sides, and that the peer renews its certificate.',
  peer_closed: 'The peer closed the connection without an answer: it may not accept this identity. See its log.',
  session_resumed: 'Switch off TLS session resumption: a resumed session skips the checks of the peer.',
  caller_unknown:
    'Ask about a request of a server made by serve(), createServer() or protect(); in Hono, give the context.',
} as const

/** A code of {@link SDK_CODES}. */
export type SdkCode = keyof typeof SDK_CODES

/** What an error says beside its code and its message. */
export interface IdentityErrorDetails {
  /** What to do; that of the code when absent. */
  readonly remedy?: string
  /** HTTP status of the authority's reply. */
  readonly status?: number
  /** Names the request in the authority's log. */
  readonly requestId?: string
  /** How long the authority asked to wait, in milliseconds. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/**
 * A refusal: `code` is stable (a {@link SdkCode}, or a code of the authority or of the protocol passed on), the message
 * says what was expected and what came and never holds a secret, `remedy` what to do.
 */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: string
  /** What to do. */
  readonly remedy: string
  /** HTTP status of the authority's reply; null where none came. */
  readonly status: number | null
  /** Names the request in the authority's log; null where it has no name. */
  readonly requestId: string | null
  /** How long the authority asked to wait, in milliseconds; null where it did not. */
  readonly retryAfter: number | null

  constructor(code: SdkCode, detail: string, details?: IdentityErrorDetails)
  constructor(code: string, detail: string, details: IdentityErrorDetails & { readonly remedy: string })
  constructor(code: string, detail: string, details: IdentityErrorDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.remedy = details.remedy ?? (SDK_CODES as Record<string, string>)[code] ?? ''
    this.status = details.status ?? null
    this.requestId = details.requestId ?? null
    this.retryAfter = details.retryAfter ?? null
  }
}

/** The code of whatever was thrown, for messages: `ECONNREFUSED`, `certificate_expired`, `Error`. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error
  if ('code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : 'object'
}

/** What was thrown, if it is one of ours; else an `unexpected` error with it as the cause. */
export function asIdentityError(error: unknown): IdentityError {
  if (error instanceof IdentityError) return error
  return new IdentityError('unexpected', `unexpected ${codeOf(error)}`, { cause: error })
}
