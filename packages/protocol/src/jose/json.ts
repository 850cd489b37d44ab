import { ProtocolError } from '../errors.ts'

/** What JSON can say. Integers that a number cannot hold are `bigint`, where the caller asked for exact integers. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [name: string]: JsonValue
}

export interface JsonLimits {
  /** Characters of the text, UTF-16 code units. */
  readonly maxLength: number
  /** Objects and arrays inside of each other, the outermost counted. */
  readonly maxDepth: number
  /** Reads integers beyond 2^53 as `bigint` instead of rounding them. Slower. */
  readonly exactIntegers?: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * A JSON object from its text. Refuses what readers disagree about: duplicate names (RFC 7519, 4: two programs could
 * see two different claims), numbers that are infinite once read, lone surrogates, and a member that could become the
 * prototype of a copy. Size and depth are judged before the text is parsed.
 *
 * @throws ProtocolError `json_too_large`, `json_too_deep`, `json_invalid`, `json_not_object`, `json_duplicate_name`,
 *   `json_forbidden_name`
 */
export function parseJsonObject(text: string, limits: JsonLimits): JsonObject {
  if (text.length > limits.maxLength)
    throw new ProtocolError('json_too_large', `expected at most ${limits.maxLength} characters, got ${text.length}`)
  const written = countWrittenMembers(text, limits.maxDepth)
  const value = parse(text, limits.exactIntegers === true)
  if (!isJsonObject(value)) throw new ProtocolError('json_not_object', 'expected a JSON object')
  // Whoever repeats a name wrote more members than there are afterwards.
  if (countMembers(value) !== written)
    throw new ProtocolError('json_duplicate_name', 'expected each member of an object once')
  return value
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string, exactIntegers: boolean): JsonValue {
  try {
    return exactIntegers ? JSON.parse(text, exactInteger) : JSON.parse(text)
  } catch {
    // The engine's message quotes the text, which may be a credential.
    throw new ProtocolError('json_invalid', 'expected JSON')
  }
}

function exactInteger(_name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** The colons outside of strings, which in valid JSON are the members of all objects. */
function countWrittenMembers(text: string, maxDepth: number): number {
  let members = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i)
        break
      case 0x3a: // :
        members++
        break
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > maxDepth) throw new ProtocolError('json_too_deep', `expected at most ${maxDepth} levels`)
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      default:
    }
  }
  return members
}

/** The index of the quote that ends the string begun at `start`, or the length of a text that never ends it. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    // An even number of backslashes escape each other, not the quote.
    if ((end - before) % 2 === 1) return end
  }
  return text.length
}

function countMembers(value: JsonValue): number {
  if (typeof value === 'string') checkText(value)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new ProtocolError('json_invalid', 'expected a number within the range of IEEE 754')
  if (typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) return value.reduce((sum: number, item: JsonValue) => sum + countMembers(item), 0)
  return countObject(value as JsonObject)
}

function countObject(value: JsonObject): number {
  const names = Object.keys(value)
  let members = names.length
  for (const name of names) {
    // Object.assign and careless loops would make it the prototype of their result.
    if (name === '__proto__') throw new ProtocolError('json_forbidden_name', 'expected no member called __proto__')
    checkText(name)
    members += countMembers(value[name]!)
  }
  return members
}

// RFC 7493, 2.1: "\ud800" has no UTF-8 form, so that hashing or forwarding it changes it.
function checkText(text: string): void {
  if (!text.isWellFormed()) throw new ProtocolError('json_invalid', 'expected text without lone surrogates')
}
