import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Asked } from './engine/values.ts'
import type { Mentions } from './mentions.ts'
import type { Decision } from './question.ts'

/** Over all sets together. */
const MOST = 10_000
/** Characters of their keys, over all sets together: groups and labels of others stand in them. */
const MOST_CHARACTERS = 8_000_000
const LONGEST = 8000

/** Least recently used first. */
const decisions = new Map<string, Decision>()
let characters = 0

/** The decision that was made on the same question, if it was lately. */
export function recent(key: string): Decision | undefined {
  const decision = decisions.get(key)
  if (decision === undefined) return undefined
  decisions.delete(key)
  decisions.set(key, decision)
  return decision
}

export function remember(key: string, decision: Decision): void {
  if (key.length > LONGEST || decisions.has(key)) return
  decisions.set(key, decision)
  characters += key.length
  while (decisions.size > MOST || characters > MOST_CHARACTERS) {
    const oldest = decisions.keys().next().value!
    decisions.delete(oldest)
    characters -= oldest.length
  }
}

/**
 * The same text for questions that the policies cannot tell apart: of attributes that no policy names only their presence
 * and form stand in it (the engine refuses what the schema does not know), so that a lineage that has grown older by a
 * second is no other question to policies that do not ask its age.
 */
export function questionKey(set: number, asked: Asked, mentions: Mentions): string {
  const { principal, action, resource, context, entities } = asked
  return JSON.stringify([
    set,
    principal,
    action,
    resource,
    mentions.wholeContext ? context : seen(context, mentions),
    entities.map(entity => seenEntity(entity, mentions)),
  ])
}

const seenEntity = ({ uid, attrs, parents, tags }: EntityJson, mentions: Mentions) => [
  uid,
  seen(attrs, mentions),
  parents,
  mentions.tags || tags === undefined ? tags : Object.values(tags).map(formOf),
]

const seen = (attributes: Readonly<Record<string, CedarValueJson>>, mentions: Mentions) =>
  Object.entries(attributes).map(([name, value]) => [name, mentions.attributes.has(name) ? value : formOf(value)])

/** What is left of a value that nobody looks at: whether the schema allows it depends on no more. */
function formOf(value: CedarValueJson): CedarValueJson {
  if (typeof value !== 'object' || value === null) return typeof value
  return '__extn' in value ? 'extension' : value
}
