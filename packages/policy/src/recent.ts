import { hash } from 'node:crypto'
import { BoundedMap } from '@lanyard/protocol'
import { addressOf, present, toValue, uidOf } from './engine/values.ts'
import { keyOf } from './entities.ts'
import { isUsual, MAX_DEPTH, tooDeep, unusualText } from './limits.ts'
import { type Comparison, type Look, octetsOf, type Plain } from './looks.ts'
import type { Mentions } from './mentions.ts'
import type { Decision, EntityFacts, Question } from './question.ts'
import { CONTEXT } from './schema/vocabulary.ts'

/** Over all sets together, so that each agent of a large fleet has a place; some 15 MB when full. */
const decisions = new BoundedMap<string, Decision>(65_536)

/** The decision that was made on the same question, if it was lately. */
export function recent(key: string): Decision | undefined {
  const decision = decisions.get(key)
  if (decision !== undefined) decisions.set(key, decision)
  return decision
}

export function remember(key: string, decision: Decision): void {
  decisions.set(key, decision)
}

/** What a set can tell of a question. */
export interface Sight extends Pick<Mentions, 'looks' | 'wholeContext' | 'tags'> {
  /** Names under which a schema has what texts are read as, such as addresses. */
  readonly readAsMore: ReadonlySet<string>
  /** Whether the version has an entity of this key: the engine takes it twice only where both are the same. */
  readonly hasEntity: (key: string) => boolean
}

/**
 * The same digest for questions that the policies cannot tell apart. Of an attribute stand in it its presence, its kind
 * (the engine refuses what the schema does not know) and what the policies' comparisons say of it: a lineage that has
 * grown older by a second, and a call from the next address of the same network, are no other questions. Throws a
 * TypeError for what no value of Cedar says.
 */
export function questionKey(set: number, question: Question, sight: Sight): string {
  const { principal, action, resource, context, entities } = question
  // Names and values are texts: the numbers between them tell where something begins.
  const told: (string | number)[] = [set, principal.type, principal.id, action, resource.type, resource.id]
  for (const name of Object.keys(context)) {
    const value = context[name]
    if (!isLeftOut(name, value)) told.push(name, inContext(name, value, sight))
  }
  const keys = new Set<string>()
  for (const entity of entities) keys.add(tellEntity(told, entity, sight))
  if (keys.size < entities.length) throw new TypeError('an entity is there twice')
  // Groups and labels of others stand in it, as long as they like.
  return hash('sha256', JSON.stringify(told), 'base64')
}

/** What the engine is not given, and yet may not be called as nothing is called. */
function isLeftOut(name: string, value: unknown): boolean {
  if (value !== undefined && value !== null) return false
  requireUsual(name)
  return true
}

function requireUsual(value: unknown): void {
  const fault = unusualText(value)
  if (fault !== undefined) throw new TypeError(fault)
}

// Levels that may lie below an attribute, as they are counted from the context and from the list of entities.
const IN_CONTEXT = MAX_DEPTH - 1
const IN_ENTITY = MAX_DEPTH - 3

function inContext(name: string, value: unknown, sight: Sight): string {
  const look = sight.wholeContext ? 'whole' : lookAt(name, sight)
  const type = typeof value === 'string' && Object.hasOwn(CONTEXT, name) ? CONTEXT[name]?.type : undefined
  if (type === 'Node') return toldOf(value, 'whole', IN_CONTEXT)
  if (type !== 'ipaddr') return toldOf(value, look, IN_CONTEXT)
  const address = addressOf(value as string)
  const octets = octetsOf(address)
  return look === 'whole' || octets === null ? `@${address}` : `a${answersTo(look, octets)}`
}

/** Gives its key. */
function tellEntity(told: (string | number)[], entity: EntityFacts, sight: Sight): string {
  const { type, id, attributes, parents } = entity
  const key = keyOf(uidOf(entity))
  const isTwice = sight.hasEntity(key)
  told.push(0, type, id)
  for (const name of Object.keys(attributes)) {
    const value = attributes[name]
    if (name === 'labels' && type === 'Agent' && value !== undefined) told.push(name, labelsTold(value, sight))
    else if (!isLeftOut(name, value)) told.push(name, toldOf(value, isTwice ? 'whole' : lookAt(name, sight), IN_ENTITY))
  }
  told.push(1)
  for (const parent of parents) told.push(parent.type, parent.id)
  return key
}

/** Nobody tells one label from another where no policy looks at tags. */
function labelsTold(labels: unknown, { tags }: Sight): string {
  if (tooDeep(labels, IN_ENTITY)) throw new TypeError('nested too deep')
  requireUsual(labels)
  const values = present(labels as Record<string, unknown>)
  return !tags && Object.values(values).every(text => typeof text === 'string') ? 'l' : `{${JSON.stringify(values)}`
}

const NOTHING: Look = []

const lookAt = (name: string, { looks, readAsMore }: Sight): Look =>
  readAsMore.has(name) ? 'whole' : (looks.get(name) ?? NOTHING)

/** Begins with its kind, so that no value is told like another one of another kind. */
function toldOf(value: unknown, look: Look, levels: number): string {
  switch (typeof value) {
    // Of a text that is refused all is told, so that it is like none that is not.
    case 'string':
      return look === 'whole' || !isUsual(value) ? `"${value}` : `s${answersTo(look, value)}`
    case 'boolean':
      return look === 'whole' ? `?${value}` : `b${answersTo(look, value)}`
    case 'number':
      if (look !== 'whole' && Number.isSafeInteger(value)) return `n${answersTo(look, value)}`
  }
  if (tooDeep(value, levels)) throw new TypeError('nested too deep')
  requireUsual(value)
  return `{${JSON.stringify(toValue(value))}`
}

function answersTo(look: readonly Comparison[], value: Plain): string {
  let answers = ''
  for (const holds of look) answers += holds(value) ? '1' : '0'
  return answers
}
