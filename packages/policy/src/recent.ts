import { hash } from 'node:crypto'
import { isIP } from 'node:net'
import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Asked } from './engine/values.ts'
import type { Mentions } from './mentions.ts'
import type { Decision } from './question.ts'

/** Over all sets together, so that each agent of a large fleet has a place; some 15 MB when full. */
const MOST = 65_536

/** Least recently used first. */
const decisions = new Map<string, Decision>()

/** The decision that was made on the same question, if it was lately. */
export function recent(key: string): Decision | undefined {
  const decision = decisions.get(key)
  if (decision === undefined) return undefined
  decisions.delete(key)
  decisions.set(key, decision)
  return decision
}

export function remember(key: string, decision: Decision): void {
  decisions.set(key, decision)
  if (decisions.size > MOST) decisions.delete(decisions.keys().next().value!)
}

/**
 * The same digest for questions that the policies cannot tell apart: of attributes that no policy names only their
 * presence and form stand in it (the engine refuses what the schema does not know), so that a lineage that has grown
 * older by a second is no other question to policies that do not ask its age.
 */
export function questionKey(set: number, asked: Asked, mentions: Mentions): string {
  const { principal, action, resource, context, entities } = asked
  const told = JSON.stringify([
    set,
    principal,
    action,
    resource,
    mentions.wholeContext ? context : seen(context, mentions),
    entities.map(entity => seenEntity(entity, mentions)),
  ])
  // Groups and labels of others stand in it, as long as they like.
  return hash('sha256', told, 'base64')
}

const seenEntity = ({ uid, attrs, parents, tags }: EntityJson, mentions: Mentions) => [
  uid,
  seen(attrs, mentions),
  parents,
  mentions.tags || tags === undefined ? tags : Object.values(tags).map(formOf),
]

const seen = (attributes: Readonly<Record<string, CedarValueJson>>, mentions: Mentions) =>
  Object.entries(attributes).map(([name, value]) => [name, mentions.attributes.has(name) ? value : formOf(value)])

/** What is left of a value that nobody looks at: whether the engine takes it depends on no more. */
function formOf(value: CedarValueJson): CedarValueJson {
  if (typeof value === 'string') return value.isWellFormed() ? 'string' : value
  if (typeof value !== 'object' || value === null) return typeof value
  return isAddress(value) ? 'address' : value
}

/** Whoever asks may write extensions as they like, those that the engine does not take included. */
function isAddress(value: CedarValueJson): boolean {
  const { __extn: made, ...rest } = value as { readonly __extn?: { readonly fn?: unknown; readonly arg?: unknown } }
  if (made?.fn !== 'ip' || typeof made.arg !== 'string' || Object.keys(rest).length > 0) return false
  return isIP(made.arg) === 4 || (isIP(made.arg) === 6 && !/[.%]/.test(made.arg))
}
