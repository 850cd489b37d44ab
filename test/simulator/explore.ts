import { hash } from 'node:crypto'
import { Violation } from './violation.ts'

/** Something that goes on by choices, and depends on nothing else: the same choices lead to the same state. */
export interface Model {
  /** What can happen next, by name; empty at an end. */
  choices(): readonly string[]
  take(choice: string): void
  /** All that decides how it goes on. */
  fingerprint(): string
  /** Throws {@link Violation} where something is that must never be. */
  check(): void
  /** The same at an end. */
  checkEnd(): void
}

export interface Explored {
  /** Different states that were seen. */
  readonly states: number
  readonly transitions: number
  /** Different states in which nothing was left to happen. */
  readonly ends: number
  readonly longest: number
}

/** Tries every order of all choices; states that were seen before are not gone on from again. Throws the first violation with the choices that led to it. */
export function explore(make: () => Model, maxStates = 2_000_000): Explored {
  const seen = new Set<string>()
  const open: string[][] = [[]]
  let transitions = 0
  let ends = 0
  let longest = 0
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    let model: Model | null = replay(make, path)
    const trail = [...path]
    // Goes on with the first choice, and leaves the others for later.
    while (model !== null) {
      // Also where it was before: rules compare with the state that led here, which may be another one.
      guarded(model, trail, one => one.check())
      const state = hash('sha256', model.fingerprint(), 'base64')
      if (seen.has(state)) break
      seen.add(state)
      if (seen.size > maxStates) throw new Error(`more than ${maxStates} states: the case is no small one`)
      const choices = guarded(model, trail, one => {
        const next = one.choices()
        if (next.length === 0) one.checkEnd()
        return next
      })
      longest = Math.max(longest, trail.length)
      const [first, ...others] = choices
      for (const other of others) open.push([...trail, other])
      if (first === undefined) ends++
      else {
        trail.push(first)
        guarded(model, trail, one => one.take(first))
        transitions += choices.length
      }
      if (first === undefined) model = null
    }
  }
  return { states: seen.size, transitions, ends, longest }
}

function replay(make: () => Model, path: readonly string[]): Model {
  const model = make()
  for (const [i, choice] of path.entries()) {
    if (i === path.length - 1) guarded(model, path.slice(0, i), one => one.check())
    guarded(model, path.slice(0, i + 1), one => one.take(choice))
  }
  return model
}

function guarded<T>(model: Model, trail: readonly string[], act: (model: Model) => T): T {
  try {
    return act(model)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    throw new Violation(`${error.message}\nafter: ${trail.join(' · ')}`)
  }
}
