import { isIP } from 'node:net'
import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { tooDeep, unusualText } from '../limits.ts'
import type { Entity, EntityFacts, Question } from '../question.ts'
import { ACTIONS, CONTEXT, ENTITIES, NAMESPACE } from '../schema/vocabulary.ts'

/** A question in the form that the engine reads. */
export interface Asked {
  readonly principal: TypeAndId
  readonly action: TypeAndId
  readonly resource: TypeAndId
  readonly context: Record<string, CedarValueJson>
  readonly entities: EntityJson[]
}

/** Throws a TypeError for what no value of Cedar says: a fraction, a function, an address that is none. */
export function toAsked(question: Question): Asked {
  if (tooDeep(question.context) || tooDeep(question.entities)) throw new TypeError('nested too deep')
  const fault = unusualText(question)
  if (fault !== undefined) throw new TypeError(fault)
  return {
    principal: uidOf(question.principal),
    action: actionUid(question.action),
    resource: uidOf(question.resource),
    context: contextOf(question.context),
    entities: question.entities.map(toEntity),
  }
}

/** A type of ours is in our namespace; another stands as it is. */
export const uidOf = ({ type, id }: Entity): TypeAndId => ({
  type: Object.hasOwn(ENTITIES, type) ? `${NAMESPACE}::${type}` : type,
  id,
})

const FOREIGN_ACTION = /^((?:\w+::)*Action)::(".*")$/su

/** One of ours by its name; one of an application as Cedar writes it. */
export function actionUid(action: string): TypeAndId {
  if (Object.hasOwn(ACTIONS, action)) return { type: `${NAMESPACE}::Action`, id: action }
  const [, type, id] = FOREIGN_ACTION.exec(action) ?? []
  return type === undefined ? { type: 'Action', id: action } : { type, id: unquote(id!) }
}

function toEntity({ type, id, attributes, parents }: EntityFacts): EntityJson {
  const { labels, ...rest } = attributes
  const tagged = type === 'Agent' && labels !== undefined
  return {
    uid: uidOf({ type, id }),
    attrs: present(tagged ? rest : attributes),
    parents: parents.map(uidOf),
    ...(tagged ? { tags: present(labels as Record<string, unknown>) } : {}),
  }
}

function contextOf(context: Question['context']): Record<string, CedarValueJson> {
  const values: Record<string, CedarValueJson> = {}
  for (const [name, value] of Object.entries(context)) {
    if (value !== undefined && value !== null) setOwn(values, name, inContext(name, value))
  }
  return values
}

function inContext(name: string, value: unknown): CedarValueJson {
  const type = Object.hasOwn(CONTEXT, name) ? CONTEXT[name]?.type : undefined
  if (typeof value !== 'string') return toValue(value)
  if (type === 'ipaddr') return { __extn: { fn: 'ip', arg: addressOf(value) } }
  if (type === 'Node') return { __entity: uidOf({ type: 'Node', id: value }) }
  return value
}

/**
 * A socket that serves both families calls 192.0.2.1 `::ffff:192.0.2.1`: a policy about networks shall see the one
 * behind.
 */
export function addressOf(address: string): string {
  const plain = /^::ffff:[\d.]+$/i.test(address) ? address.slice(7) : address
  if (isIP(plain) !== 0 && !plain.includes('%')) return plain
  throw new TypeError(`source: expected an IP address, got ${JSON.stringify(address.slice(0, 64))}`)
}

/** Without what is null or undefined. */
export function present(attributes: Readonly<Record<string, unknown>>): Record<string, CedarValueJson> {
  const values: Record<string, CedarValueJson> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) setOwn(values, name, toValue(value))
  }
  return values
}

// `__proto__` is a name like another, and only that one cannot be assigned; to define each takes ten times as long.
function setOwn(values: Record<string, CedarValueJson>, name: string, value: CedarValueJson): void {
  if (name !== '__proto__') values[name] = value
  else Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true })
}

/** Throws a TypeError for what none of Cedar says. */
export function toValue(value: unknown): CedarValueJson {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isSafeInteger(value)) return value
      throw new TypeError(`expected a whole number, got ${value}`)
    case 'object':
      if (Array.isArray(value)) return value.map(toValue)
      if (value !== null) return present(value as Record<string, unknown>)
  }
  throw new TypeError(`expected a value of Cedar, got ${value === null ? 'null' : typeof value}`)
}

const ENTITY = /^(\w+(?:::\w+)*)::("(?:[^"\\\p{Cc}]|\\["\\0nrt']|\\u\{[\da-f]{1,6}\})*")$/iu

/**
 * Reads `Lanyard::Agent::"spiffe://…"`, as Cedar writes it; a type of ours also without its namespace. Undefined when
 * it is none.
 */
export function parseEntity(text: string): Entity | undefined {
  const [, type, id] = ENTITY.exec(text) ?? []
  if (type === undefined) return undefined
  const own = type.startsWith(`${NAMESPACE}::`) ? type.slice(NAMESPACE.length + 2) : type
  return { type: Object.hasOwn(ENTITIES, own) ? own : type, id: unquote(id!) }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' }

const unquote = (quoted: string) =>
  quoted
    .slice(1, -1)
    .replace(/\\(?:u\{([\da-f]+)\}|(.))/gisu, (_, code: string | undefined, letter: string) =>
      code === undefined ? (ESCAPES[letter] ?? letter) : characterOf(Number.parseInt(code, 16)),
    )

/** What is no character, half a surrogate pair included, as everybody writes what is none. */
const characterOf = (code: number) => (code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : '\ufffd')

/** Writes an entity as Cedar does. */
export function entityText(entity: Entity): string {
  const { type, id } = uidOf(entity)
  const quoted = id
    .replace(/["\\]/g, '\\$&')
    .replace(/\p{Cc}/gu, control => `\\u{${control.codePointAt(0)!.toString(16)}}`)
  return `${type}::"${quoted}"`
}
