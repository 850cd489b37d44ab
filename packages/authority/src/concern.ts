import type { AgentState } from './ports.ts'

const concerned = new WeakMap<object, AgentState>()

/**
 * Runs a gate behind a credential that was proved. What it refuses remembers whom it concerns, so that an event can name
 * the agent, although its caller is turned away.
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
