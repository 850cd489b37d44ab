import type { AgentKey } from './registry.ts'
import type { Step } from './store.ts'

/** A secret of an agent. It has at most one that is `current`. */
export interface SecretState extends AgentKey {
  /** Public: 12 hex digits. */
  readonly id: string
  /** SHA-256 of the secret part. */
  readonly hash: Uint8Array
  /** Of the agent, when it was made: a kill ends it with that, and reinstatement revives nothing. */
  readonly incarnation: number
  readonly standing: 'current' | 'superseded' | 'revoked'
  readonly createdBy: string
  readonly createdAt: number
  /** When it ceased to be the current one; null: it is. */
  readonly endedAt: number | null
}

export interface SecretRows {
  find(id: string): Step<SecretState | undefined>
  /** Like {@link find}, and keeps every other transaction from the secret until this one ends. */
  claim(id: string): Step<SecretState | undefined>
  current(agent: AgentKey): Step<SecretState | undefined>
  /** Those that this one made, named as events do, in no order,  whatever became of them. */
  madeBy(maker: string): Step<readonly SecretState[]>
  insert(secret: SecretState): Step<void>
  end(id: string, standing: 'superseded' | 'revoked', at: number): Step<void>
  /** Removes those of the agent that ended, but for the newest so many. */
  forget(agent: AgentKey, keep: number): Step<void>
  /** All of the agent, newest first: also those that ended, as long as they are remembered. */
  ofAgent(agent: AgentKey): Step<readonly SecretState[]>
}
