import type { RefusedRequest } from './issue/refusals.ts'
import type { AgentState } from './ports.ts'

const concerned = new WeakMap<object, AgentState>()

/**
 * Runs a gate behind a credential that was proved. What it refuses remembers whom it concerns, so that an event can
 * name the agent, although its caller is turned away.
 */
export function concerning<T>(agent: AgentState, gate: () => T): T {
  try {
    return gate()
  } catch (error) {
    if (typeof error === 'object' && error !== null) concerned.set(error, agent)
    throw error
  }
}

/** The agent that a refusal concerns; undefined where nobody proved to be one. */
export const concernOf = (error: unknown): AgentState | undefined =>
  typeof error === 'object' && error !== null ? concerned.get(error) : undefined

/** Whose proof was refused at the door, and by which event that is told. */
export type KnownRefusal = Pick<RefusedRequest, 'agent' | 'actor' | 'type'>

const known = new WeakMap<object, KnownRefusal>()

/**
 * The refusal of a credential that proved itself (a signature, a secret), and gave no caller. Strangers prove nothing.
 */
export function refusedAs<E extends object>(error: E, refusal: KnownRefusal): E {
  known.set(error, refusal)
  return error
}

/** What {@link refusedAs} said of an error; undefined where nobody was known. */
export const knownRefusalOf = (error: unknown): KnownRefusal | undefined =>
  typeof error === 'object' && error !== null ? known.get(error) : undefined
