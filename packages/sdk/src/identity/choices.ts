import type { RequestInit } from 'undici'
import type { Authorizer, Route } from '../guard/authorizer.ts'
import type { ServerChoice } from '../guard/serve.ts'

/** Whom to talk to. There is no default. */
export interface PeerChoice {
  /** Judges the proved ID of the peer, at each request. */
  readonly peer: Authorizer
}

/** What `fetch` takes, and whom to talk to. */
export interface PeerInit extends Omit<RequestInit, 'body' | 'dispatcher'>, PeerChoice {
  readonly body?: RequestInit['body'] | globalThis.FormData
}

/** Whom to answer. There is no default. */
export interface AllowChoice {
  /** Judges the proved ID of a caller, at each request. */
  readonly allow: Authorizer
  /**
   * Routes that go on without news of who is alive, and for which there is then no bound: those whose callers do less
   * harm dead than refused. Replies given so carry `lanyard-liveness: best-effort`. None when absent. A path that
   * routers read in several ways (`//`, `..`, `%`, a backslash) is guarded without being asked about.
   */
  readonly bestEffort?: (route: Route) => boolean
  /**
   * Proxies that end TLS for others: from them, and from nobody else, `Client-Cert` and `Client-Cert-Chain` (RFC 9440)
   * are believed, and `allow` is asked about whom they name. Nobody when absent.
   */
  readonly via?: Authorizer
}

/** Whom to answer, and where to listen. */
export interface ServeOptions extends AllowChoice, ServerChoice {
  /** Where to listen; 127.0.0.1 when absent. */
  readonly host?: string
  /** Any free port when absent. */
  readonly port?: number
  /**
   * What the authority is told, so that others find it: this URL, or nothing with `false`. When absent the host and
   * port where it listens; the name of the machine where that is every address.
   */
  readonly announce?: string | false
}

/** Whom to talk to, and where that peer listens. */
export interface ConnectOptions extends PeerChoice {
  /** A name or an address; it proves nothing. */
  readonly host: string
  readonly port: number
  /** Protocols offered by ALPN; none when absent. */
  readonly alpn?: readonly string[]
  /** Gives up while the connection is not made. */
  readonly signal?: AbortSignal
}

/** Which policies, and how long to wait for them. */
export interface PoliciesChoice {
  /** The revision that is known: the answer comes once there is another, or after 20 seconds. At once when absent. */
  readonly after?: number
  /** Keeps the process alive for the answer. */
  readonly hold?: boolean
  readonly signal?: AbortSignal
}
