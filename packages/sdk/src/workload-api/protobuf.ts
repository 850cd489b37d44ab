import { concat, decodeUtf8, encodeUtf8 } from '@lanyard/protocol'

/** What is not the protobuf that was expected. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** https://protobuf.dev/programming-guides/encoding/: groups (3 and 4) are not read, nobody sends them. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Entries of one repeated field: a message of empty entries must not become a hundred times its size in memory. */
const MAX_ENTRIES = 10_000
/** A nested value must not exhaust the stack. */
const MAX_DEPTH = 64

/** Reads the fields of one message. Whatever is not well formed throws {@link WireError}. */
class Reader {
  readonly #bytes: Uint8Array
  readonly depth: number
  #at = 0

  constructor(bytes: Uint8Array, depth: number) {
    if (depth > MAX_DEPTH) throw new WireError(`expected at most ${MAX_DEPTH} messages in each other`)
    this.#bytes = bytes
    this.depth = depth
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  tag(): { readonly no: number; readonly wire: number } {
    const tag = this.varint()
    const no = Number(tag >> 3n)
    if (no < 1 || no > 0x1fff_ffff) throw new WireError(`expected the number of a field, got ${no}`)
    return { no, wire: Number(tag & 7n) }
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#take(1)[0]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (value >= 1n << 64n) throw new WireError('expected a number of 64 bits')
        return value
      }
    }
    throw new WireError('expected a number of at most ten bytes')
  }

  double(): number {
    const bytes = this.#take(8)
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true)
  }

  bytes(): Uint8Array {
    return this.#take(Number(this.varint()))
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint()
    else if (wire === FIXED64) this.#take(8)
    else if (wire === BYTES) this.bytes()
    else if (wire === FIXED32) this.#take(4)
    else throw new WireError(`expected a type of protobuf, got ${wire}`)
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new WireError(`expected ${length} more bytes`)
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

const tagged = (no: number, wire: number, body: Uint8Array) => concat(varint(BigInt((no << 3) | wire)), body)
const delimited = (body: Uint8Array) => concat(varint(BigInt(body.length)), body)

/** How one value stands on the wire. */
interface Kind<T> {
  readonly wire: number
  readonly empty: T
  read(reader: Reader): T
  write(value: T): Uint8Array
}

/** A field of a message: its number, and what its bytes mean. */
export interface Field<T> {
  readonly no: number
  readonly wire: number
  /** What a message without it has there. */
  empty(): T
  /** What the field is after one more occurrence. */
  read(reader: Reader, before: T): T
  write(value: T): Uint8Array
}

export const TEXT: Kind<string> = {
  wire: BYTES,
  empty: '',
  read: reader => textOf(reader.bytes()),
  write: value => delimited(encodeUtf8(value)),
}

export const OCTETS: Kind<Uint8Array> = {
  wire: BYTES,
  empty: new Uint8Array(),
  // A copy: what stays of a message must not keep all of it.
  read: reader => reader.bytes().slice(),
  write: delimited,
}

export const FLAG: Kind<boolean> = {
  wire: VARINT,
  empty: false,
  read: reader => reader.varint() !== 0n,
  write: value => varint(value ? 1n : 0n),
}

export const DOUBLE: Kind<number> = {
  wire: FIXED64,
  empty: 0,
  read: reader => reader.double(),
  write: value => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    return bytes
  },
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes)
  } catch {
    throw new WireError('expected UTF-8')
  }
}

/** A field with one value; as proto3 has it, an empty value is not sent, and the last of several counts. */
export function one<T>(no: number, kind: Kind<T>): Field<T> {
  const isEmpty = (value: T) => (value instanceof Uint8Array ? value.length === 0 : Object.is(value, kind.empty))
  return {
    no,
    wire: kind.wire,
    empty: () => kind.empty,
    read: reader => kind.read(reader),
    write: value => (isEmpty(value) ? new Uint8Array() : tagged(no, kind.wire, kind.write(value))),
  }
}

/** One of several of which at most one is there: sent also when it is empty. */
export function maybe<T>(no: number, kind: Kind<T>): Field<T | undefined> {
  return {
    no,
    wire: kind.wire,
    empty: () => undefined,
    read: reader => kind.read(reader),
    write: value => (value === undefined ? new Uint8Array() : tagged(no, kind.wire, kind.write(value))),
  }
}

/** Strings, bytes or messages in a row. */
export function many<T>(no: number, kind: Kind<T>): Field<readonly T[]> {
  return {
    no,
    wire: kind.wire,
    empty: () => [],
    read: (reader, before) => {
      const list = before as T[]
      if (list.length === MAX_ENTRIES) throw new WireError(`expected at most ${MAX_ENTRIES} entries`)
      list.push(kind.read(reader))
      return list
    },
    write: values => concat(...values.map(value => tagged(no, kind.wire, kind.write(value)))),
  }
}

/** A map with text as keys: on the wire a row of messages with the key as 1 and the value as 2. */
export function map<T>(no: number, kind: Kind<T>): Field<ReadonlyMap<string, T>> {
  const entry = message({ key: one(1, TEXT), value: one(2, kind) })
  return {
    no,
    wire: BYTES,
    empty: () => new Map(),
    read: (reader, before) => {
      const entries = before as Map<string, T>
      if (entries.size === MAX_ENTRIES) throw new WireError(`expected at most ${MAX_ENTRIES} entries`)
      const { key, value } = entry.read(reader)
      return entries.set(key, value)
    },
    write: entries => concat(...Array.from(entries, ([key, value]) => tagged(no, BYTES, entry.write({ key, value })))),
  }
}

/** A message: a kind of value as well, for fields that hold one. */
export interface Message<T> extends Kind<T> {
  encode(value: Partial<T>): Uint8Array
  /** @throws WireError */
  decode(bytes: Uint8Array): T
}

type Fields = Readonly<Record<string, Field<never>>>
type ValueOf<F> = { readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never }

/** A message with these fields. Others are skipped: they are of a later version. */
// biome-ignore lint/suspicious/noExplicitAny: a field of any type, which ValueOf gives back
export function message<F extends Readonly<Record<string, Field<any>>>>(fields: F | (() => F)): Message<ValueOf<F>> {
  type T = ValueOf<F>
  const named = () => Object.entries(typeof fields === 'function' ? fields() : fields) as [string, Fields[string]][]
  const empty = () => Object.fromEntries(named().map(([name, field]) => [name, field.empty()])) as unknown as T
  const decode = (bytes: Uint8Array, depth: number): T => {
    const reader = new Reader(bytes, depth)
    const value = empty() as Record<string, unknown>
    const byNumber = new Map(named().map(entry => [entry[1].no, entry]))
    while (!reader.done) {
      const { no, wire } = reader.tag()
      const known = byNumber.get(no)
      if (known === undefined) reader.skip(wire)
      else if (known[1].wire !== wire) throw new WireError(`expected field ${no} in another wire type than ${wire}`)
      else value[known[0]] = known[1].read(reader, value[known[0]] as never)
    }
    return value as T
  }
  const encode = (value: Partial<T>): Uint8Array =>
    concat(...named().map(([name, field]) => field.write({ ...empty(), ...value }[name] as never)))
  return {
    wire: BYTES,
    get empty() {
      return empty()
    },
    read: reader => decode(reader.bytes(), reader.depth + 1),
    write: value => delimited(encode(value)),
    encode,
    decode: bytes => decode(bytes, 0),
  }
}
