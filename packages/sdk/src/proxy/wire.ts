import type { GuardStanding } from '../guard/guard.ts'

// What goes over the proxy socket of the daemon: on each connection one line of JSON that says what it is for, lines in
// answer, and from there on, where two ends are joined, their bytes.

/** The socket beside that of the Workload API. */
export const proxyPathOf = (workloadApi: string): string => `${workloadApi}.proxy`

/** Longest line either way: certificates of a hundred trust domains. */
export const MAX_LINE_BYTES = 1024 * 1024

/** What a connection is for. */
export type ProxyRequest =
  /** To be told of an identity, and of how well it is known who is alive, for as long as the connection lasts. */
  | { readonly do: 'identity'; readonly id: string | null; readonly hint: string | null }
  /** To be joined with a peer. */
  | {
      readonly do: 'connect'
      readonly id: string
      readonly host: string
      readonly port: number
      readonly alpn: readonly string[]
    }
  /** To be told of peers that connect, for as long as the connection lasts. */
  | {
      readonly do: 'listen'
      readonly id: string
      readonly host: string
      readonly port: number
      readonly alpn: readonly string[]
    }
  /** To be joined with one of them. */
  | { readonly do: 'accept'; readonly ticket: string }

/** Why something cannot be had. */
export interface ProxyError {
  readonly code: string
  readonly detail: string
  readonly remedy: string
}

/** A line on a connection for an identity: whichever members are there have changed. */
export interface IdentityLine {
  /** PEM; the federated bundles by name of trust domain. */
  readonly given?: {
    readonly certificate: string
    readonly chain: string
    readonly bundle: string
    readonly federated: Readonly<Record<string, string>>
  }
  readonly standing?: GuardStanding
  /** It was taken back. */
  readonly refused?: ProxyError
  /** It cannot be had at present. */
  readonly unavailable?: ProxyError
}

/** The line before two ends are joined: the peer has proved that it holds the key of the first of these. */
export interface JoinedLine {
  /** DER in base64, leaf first. */
  readonly chain: readonly string[]
  readonly alpn: string | null
  readonly remoteAddress: string | null
}

/** A line on a connection for listening. */
export type ListenLine =
  | { readonly listening: { readonly host: string; readonly port: number } }
  /** To be named in an `accept`, soon. */
  | { readonly ticket: string }

/** What the agent says once it has judged the peer: from here on bytes pass. */
export const GO = '{"go":true}'

/** A line of either side. */
export const lineOf = (value: ProxyRequest | IdentityLine | JoinedLine | ListenLine | { readonly error: ProxyError }) =>
  `${JSON.stringify(value)}\n`
