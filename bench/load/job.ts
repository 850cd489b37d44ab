import type { AgentKeyType } from '../../test/support/agent-key.ts'

/** What a load process is told to do. */
export type Job =
  | CallsJob
  | FleetJob
  | {
      readonly kind: 'tokens'
      readonly url: string
      readonly rootPem: string
      readonly inFlight: number
      /** One certificate each. */
      readonly tokens: readonly string[]
      readonly csrs: readonly string[]
      /** Counted from here on; the first ones warm up. */
      readonly warmUp: number
    }
  | {
      readonly kind: 'renewals'
      readonly url: string
      readonly rootPem: string
      readonly inFlight: number
      readonly tokens: readonly string[]
      readonly key: AgentKeyType
      readonly seconds: number
    }
  | {
      readonly kind: 'bare'
      readonly url: string
      readonly rootPem: string
      readonly inFlight: number
      readonly body: string
      readonly seconds: number
    }

/** One request, whatever it is. */
export interface LoadCall {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Calls over kept-alive connections, in turn: each once where they are spent by that, else again for so many seconds.
 */
export interface CallsJob {
  readonly kind: 'calls'
  readonly url: string
  readonly rootPem: string
  readonly inFlight: number
  readonly calls: readonly LoadCall[]
  readonly seconds: number | 'each once'
  /** A client certificate on every connection. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** A new connection for each call. */
  readonly fresh?: boolean
}

/** Agents that renew once each, at their own moments whatever the server does: `ratePerSec` apart, or all at once. */
export interface FleetJob {
  readonly kind: 'fleet'
  readonly url: string
  readonly rootPem: string
  readonly tokens: readonly string[]
  readonly key: AgentKeyType
  /** Infinity: all at once. */
  readonly ratePerSec: number
}

/** What it saw. */
export interface Outcome {
  readonly done: number
  readonly refused: number
  readonly seconds: number
  /** Accepted later than a second after they were due. */
  readonly late: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Refusals by code. */
  readonly codes: Readonly<Record<string, number>>
}

/** Messages from a load process: counting begins now, or all is done. */
export type Word = { readonly word: 'counting' } | { readonly word: 'done'; readonly outcome: Outcome }
