import type { Problem } from './problems.ts'

/** What a decision costs grows with each. */
export const MAX_POLICIES = 200
/** The engine descends into itself: at some hundred levels its stack ends, and everything that it had ready is lost. */
const MAX_NESTING = 32
/** Operators of one policy: chains of them nest too. Its type check grows with their square. */
const MAX_OPERATORS = 128
/** Of all policies together: a text at this bound is checked in a second or two. */
const MAX_ALL_OPERATORS = 2000
/**
 * What the schema of an application declares, and all that it lists: it is read at each start, on the way of everybody.
 */
const MAX_DECLARATIONS = 100
const MAX_LISTED = 250

type Found = Pick<Problem, 'message'> & { readonly at: number }

// Strings and comments say nothing; of what stands between, one token at a time. A comment ends at a lone carriage
// return too, for the engine: what stands behind one must not be hidden from us.
const TOKENS =
  /"(?:[^"\\]|\\.)*"?|\/\/[^\n\r]*|::|&&|\|\||[=!<>]=?|[()[\]{}.+\-*;,]|\b(?:else|has|in|is|like|when|unless)\b/gs
const ASIDE = /"(?:[^"\\]|\\.)*"?|\/\/[^\n\r]*/gs
const OPENS = { policies: /^[([{]$/, schema: /^[([{<]$/ }
const CLOSES = { policies: /^[)\]}]$/, schema: /^[)\]}>]$/ }

/** Looks at a text before the engine does; gives what would be too much for it, and at which character. */
export function tooMuch(text: string, where: 'policies' | 'schema'): Found | undefined {
  const bare = text.replace(ASIDE, found => ' '.repeat(found.length))
  return (
    torn(text) ??
    strange(bare) ??
    (where === 'schema' ? namedType(bare) : undefined) ??
    tooMany(text, where) ??
    tooCostly(text)
  )
}

/** In strings and comments too: the engine is given none of it. */
function torn(text: string): Found | undefined {
  const at = text.search(/\p{Surrogate}/u)
  return at < 0 ? undefined : { at, message: 'expected characters, got half a surrogate pair' }
}

/** The engine and we must agree on what is blank: it takes U+0085 for that, which is none in JavaScript. */
function strange(bare: string): Found | undefined {
  const at = bare.search(/[^\t\n\r -~]/)
  return at < 0 ? undefined : { at, message: 'expected ASCII outside of strings and comments' }
}

/**
 * The engine writes each named type out where it is used: forty, of which each names the next one twice, are more than
 * any memory holds ("billion laughs").
 */
function namedType(bare: string): Found | undefined {
  const at = bare.search(/\btype\s+\w+\s*=/)
  return at < 0 ? undefined : { at, message: 'expected no types with names: write the record out where it is used' }
}

function tooMany(text: string, where: 'policies' | 'schema'): Found | undefined {
  let depth = 0
  let operators = 0
  let all = 0
  let declared = 0
  let listed = 0
  for (const { 0: token, index: at } of text.matchAll(TOKENS)) {
    if (token[0] === '"' || token.startsWith('//') || token === '::') continue
    if (token === ',') listed++
    if (token === ';') declared++
    if (where === 'schema' && (declared > MAX_DECLARATIONS || listed > MAX_LISTED)) {
      return { at, message: `expected at most ${MAX_DECLARATIONS} declarations and ${MAX_LISTED} commas` }
    }
    if (token === ',') continue
    if (CLOSES[where].test(token)) {
      depth = Math.max(0, depth - 1)
      continue
    }
    if (OPENS[where].test(token)) depth++
    operators = token === ';' && depth === 0 ? 0 : operators + 1
    if (depth > MAX_NESTING) return { at, message: `expected brackets in at most ${MAX_NESTING} levels` }
    if (where === 'schema') continue
    if (operators > MAX_OPERATORS) {
      return { at, message: `expected at most ${MAX_OPERATORS} operators in one policy: split it in two` }
    }
    if (++all > MAX_ALL_OPERATORS) return { at, message: `expected at most ${MAX_ALL_OPERATORS} operators altogether` }
  }
  return undefined
}

/** Characters of one text, in policies, entities and questions: `like` looks at them again and again. */
const MAX_STRING = 8192
/** Characters of a pattern from its first `*` on, all patterns together: as often may `like` look at each of a text. */
const MAX_PATTERNS = 2048

/** Texts and patterns whose product would be long to go through. */
function tooCostly(text: string): Found | undefined {
  let patterns = 0
  let before = ''
  for (const { 0: token, index: at } of text.matchAll(TOKENS)) {
    if (token.startsWith('//')) continue
    if (token[0] === '"' && token.length > MAX_STRING + 2)
      return { at, message: `expected texts of at most ${MAX_STRING} characters` }
    const star = before === 'like' ? token.indexOf('*') : -1
    if (star >= 0) patterns += token.length - star
    if (patterns > MAX_PATTERNS)
      return {
        at,
        message: `expected patterns of at most ${MAX_PATTERNS} characters altogether, from their first * on`,
      }
    before = token
  }
  return undefined
}

/** Whether the engine is given a text: it goes through long ones again and again, and breaks at half a surrogate pair. */
export const isUsual = (text: string): boolean => text.length <= MAX_STRING && text.isWellFormed()

/** What is wrong with some text in a value of JSON, names included, that the engine is not given; else undefined. */
export function unusualText(value: unknown): string | undefined {
  if (typeof value === 'string') return isUsual(value) ? undefined : faultOf(value)
  if (typeof value !== 'object' || value === null) return undefined
  for (const name of Object.keys(value)) {
    const fault = unusualText(name) ?? unusualText((value as Readonly<Record<string, unknown>>)[name])
    if (fault !== undefined) return fault
  }
  return undefined
}

const faultOf = (text: string) =>
  text.length > MAX_STRING ? 'a text is too long' : 'a text holds half a surrogate pair, which is no character'

/** How deep the JSON of entities and contexts may lie. */
export const MAX_DEPTH = 16

/** Whether a value of JSON nests deeper than the engine is given. */
export function tooDeep(value: unknown, left = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some(child => tooDeep(child, left - 1))
}

/** Pairs of an entity and what it is in, however far up: the engine finds them all at each question. */
const MAX_ANCESTRY = 5000

/** Whether so many entities are in so many others that each decision would take long; `parentsOf` by key. */
export function tooManyAncestors(parentsOf: ReadonlyMap<string, readonly string[]>): boolean {
  let pairs = 0
  for (const start of parentsOf.keys()) {
    const seen = new Set<string>()
    const waiting = [start]
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      for (const parent of parentsOf.get(key) ?? []) {
        if (seen.has(parent)) continue
        seen.add(parent)
        waiting.push(parent)
        if (++pairs > MAX_ANCESTRY) return true
      }
    }
  }
  return false
}
