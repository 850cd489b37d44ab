import { createRequire } from 'node:module'
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'

/** The engine's functions, as its package declares them. */
export type Engine = typeof Cedar

const require = createRequire(import.meta.url)
const MODULE = '@cedar-policy/cedar-wasm/nodejs'

let loaded: Engine | null = null
let generation = 0
/** Errors that the present instance has thrown. */
let thrown = 0

/**
 * The engine, loaded when it is first needed: who has no policies pays nothing for it. `generation` tells one instance
 * from the next; what was prepared in another one is gone.
 */
export function engine(): { readonly cedar: Engine; readonly generation: number } {
  loaded ??= require(MODULE) as Engine
  return { cedar: loaded, generation }
}

/**
 * Calls the engine. When it traps (a stack that is too deep, memory that is out) its memory may be in any state, locks
 * held included: the instance is dropped, and the next call has a new one. Throws what it threw.
 */
export function asked<T>(call: (cedar: Engine, generation: number) => T): T {
  const { cedar, generation } = engine()
  try {
    return call(cedar, generation)
  } catch (error) {
    if (isTrap(error) || ++thrown >= MOST_THROWN) drop()
    throw error
  }
}

/**
 * What the engine does not take it throws as a plain error, and goes on; but nothing gives it back the stack that it
 * had taken by then, and after some 1,500 of them (tried with half a surrogate pair, which is refused beforehand) it
 * traps at somebody else's question.
 */
const MOST_THROWN = 200

const isTrap = (error: unknown) =>
  error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')

function drop(): void {
  // A second import would give the same instance: the loader keeps modules by their file.
  delete require.cache[require.resolve(MODULE)]
  loaded = null
  generation++
  thrown = 0
}
