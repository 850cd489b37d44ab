import type { JsonValue } from '@lanyard/protocol'
import { DOUBLE, FLAG, type Message, many, map, maybe, message, one, TEXT, WireError } from './protobuf.ts'

// google.protobuf.Struct, in which ValidateJWTSVID gives the claims of a token.

interface WireValue {
  readonly nothing: boolean | undefined
  readonly number: number | undefined
  readonly text: string | undefined
  readonly flag: boolean | undefined
  readonly struct: WireStruct | undefined
  readonly list: { readonly values: readonly WireValue[] } | undefined
}

interface WireStruct {
  readonly fields: ReadonlyMap<string, WireValue>
}

const Value: Message<WireValue> = message(() => ({
  nothing: maybe(1, FLAG),
  number: maybe(2, DOUBLE),
  text: maybe(3, TEXT),
  flag: maybe(4, FLAG),
  struct: maybe(5, Struct),
  list: maybe(6, message({ values: many(1, Value) })),
}))

export const Struct: Message<WireStruct> = message(() => ({ fields: map(1, Value) }))

/** What ValidateJWTSVID answers (SPIFFE Workload API, 6.2.4). */
export const ValidateJwtSvidResponse = message({ spiffeId: one(1, TEXT), claims: maybe(2, Struct) })

/** The JSON that a Struct stands for. @throws WireError for a value that is none, or several at once */
export function jsonOf({ fields }: WireStruct): { readonly [name: string]: JsonValue } {
  return Object.fromEntries(Array.from(fields, ([name, value]) => [name, jsonValueOf(value)]))
}

function jsonValueOf({ nothing, number, text, flag, struct, list }: WireValue): JsonValue {
  const found: JsonValue[] = []
  if (nothing !== undefined) found.push(null)
  if (number !== undefined) found.push(number)
  if (text !== undefined) found.push(text)
  if (flag !== undefined) found.push(flag)
  if (struct !== undefined) found.push(jsonOf(struct))
  if (list !== undefined) found.push(list.values.map(jsonValueOf))
  const [value] = found
  if (found.length !== 1 || value === undefined) throw new WireError(`expected one kind of value, got ${found.length}`)
  return value
}
