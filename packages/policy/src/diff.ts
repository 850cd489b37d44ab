import type { CompiledSet } from './compiled-set.ts'
import { asked } from './engine/wasm.ts'

/** One policy that is not the same in two versions. */
export interface Difference {
  /** Its `@id`, or its place. */
  readonly policy: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Cedar, in the engine's own layout; null where it is not there. */
  readonly before: string | null
  readonly after: string | null
}

/**
 * Which policies differ, by id: a change of layout or of comments is none. Policies without an id are told apart by
 * what they say, and so are never `changed`.
 */
export function diff(before: CompiledSet, after: CompiledSet): readonly Difference[] {
  const [old, fresh] = [byName(before), byName(after)]
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
  return names.flatMap(key => {
    const [was, is] = [old.get(key), fresh.get(key)]
    if (was?.text === is?.text) return []
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed'
    return [{ policy: (is ?? was)!.name, change, before: was?.text ?? null, after: is?.text ?? null }]
  })
}

const byName = (set: CompiledSet) =>
  new Map(
    set.policies.map(({ id, name, json }) => {
      const text = asked(cedar => cedar.policyToText(json))
      const written = text.type === 'success' ? text.text : JSON.stringify(json)
      return [id ?? ` ${written}`, { name, text: written }]
    }),
  )
