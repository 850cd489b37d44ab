import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { inValue } from './entities.ts'

/** What policies speak of, gathered from all of them. */
export interface Mentions {
  /** Entities that stand in them. */
  readonly entities: readonly TypeAndId[]
}

/** Looks through policies, in the form that the engine gives them. */
export function mentionsOf(policies: readonly PolicyJson[]): Mentions {
  return { entities: policies.flatMap(policy => inValue(JSON.parse(JSON.stringify(policy)))) }
}
