/** Addresses of a host, of both families. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** One request to a stranger's server. */
export interface OutboundRequest {
  readonly url: string
  /** GET when absent; POST with a form. */
  readonly form?: Readonly<Record<string, string>>
  /** Value of `Authorization`. */
  readonly authorization?: string
  /** Bytes of the answer that are read at most. */
  readonly maxBytes: number
  /** Milliseconds for all of it: the look-up, the handshake, the answer. */
  readonly timeoutMs: number
}

/** An answer of status 200. */
export interface OutboundReply {
  readonly text: string
}

export interface Outbound {
  /** Throws {@link OutboundError}. */
  ask(request: OutboundRequest): Promise<OutboundReply>
  /**
   * Whether a URL may be asked. Throws {@link OutboundError} `forbidden`; a host that nobody knows now may be asked
   * later.
   */
  require(url: string): Promise<void>
}

/**
 * `forbidden`: we do not go there. `unreachable`: no answer came, or none in time. `refused`: an answer came that is
 * not as expected. The message is for whoever named the URL, and tells no address that they did not know.
 */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly code: 'forbidden' | 'unreachable' | 'refused'

  constructor(code: 'forbidden' | 'unreachable' | 'refused', message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
