import { decodeUtf8 } from '../bytes.ts'
import { type ProtocolCode, ProtocolError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../jose/json.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
// 16 octets are 21 characters and two bits more.
const SUBJECT = /^[A-Za-z0-9_-]{21}[AQgw]$/
const LABEL = /^[A-Za-z0-9._-]{1,64}$/

/** Reads an object whose members are all known and all have the type that is expected; refuses by one code. */
export class Fields {
  readonly #object: JsonObject
  readonly #code: ProtocolCode
  readonly #where: string

  constructor(object: JsonObject, code: ProtocolCode, where = '') {
    this.#object = object
    this.#code = code
    this.#where = where
  }

  /** From the bytes of a payload. Throws the code for what is no JSON object too. */
  static parse(bytes: Uint8Array, code: ProtocolCode, maxDepth: number): Fields {
    try {
      return new Fields(parseJsonObject(decodeUtf8(bytes), { maxLength: bytes.length, maxDepth }), code)
    } catch (cause) {
      throw new ProtocolError(code, `expected a JSON object: ${(cause as Error).message}`, { cause })
    }
  }

  fail(detail: string): never {
    throw new ProtocolError(this.#code, `${this.#where}${detail}`)
  }

  /** Refuses what this version does not know: it might be a death. */
  only(...names: readonly string[]): this {
    for (const name of Object.keys(this.#object))
      if (!names.includes(name)) this.fail(`expected no ${JSON.stringify(name.slice(0, 64))}`)
    return this
  }

  has(name: string): boolean {
    return this.#object[name] !== undefined
  }

  text(name: string, maxLength = 256): string {
    const value = this.#object[name]
    if (typeof value !== 'string' || value.length > maxLength)
      this.fail(`expected ${name} as at most ${maxLength} characters`)
    return value
  }

  textOrNull(name: string, maxLength = 256): string | null {
    return this.#object[name] === null ? null : this.text(name, maxLength)
  }

  label(name: string): string {
    const value = this.text(name)
    if (!LABEL.test(value)) this.fail(`expected ${name} of the form ${LABEL.source}`)
    return value
  }

  uuid(name: string): string {
    const value = this.text(name)
    if (!UUID.test(value)) this.fail(`expected ${name} as a lower-case UUID`)
    return value
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.#object[name]
    const known = values.find(one => one === value)
    return known ?? this.fail(`expected ${name} as one of ${values.join(', ')}`)
  }

  /** A whole number from 0 on. */
  count(name: string): number {
    return requireCount(this.#object[name], 0) ?? this.fail(`expected ${name} as a whole number that is not negative`)
  }

  countOrNull(name: string): number | null {
    return this.#object[name] === null ? null : this.count(name)
  }

  /** Any finite number. */
  number(name: string): number {
    const value = this.#object[name]
    if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(`expected ${name} as a number`)
    return value
  }

  numberOrNull(name: string): number | null {
    return this.#object[name] === null ? null : this.number(name)
  }

  /** The member `name`, an object. */
  inner(name: string): Fields {
    const value = this.#object[name]
    if (!isJsonObject(value)) this.fail(`expected ${name} as an object`)
    return new Fields(value, this.#code, `${this.#where}${name}: `)
  }

  /** The items of an array of objects. */
  each<T>(name: string, max: number, read: (fields: Fields) => T): readonly T[] {
    return this.items(name, max).map((item, i) => {
      const where = `${this.#where}${name}[${i}]: `
      if (!isJsonObject(item)) throw new ProtocolError(this.#code, `${where}expected an object`)
      return read(new Fields(item, this.#code, where))
    })
  }

  /** The rows of a table: arrays that all begin with a subject, none of them twice. */
  rows<T>(name: string, max: number, read: (subject: string, rest: readonly JsonValue[]) => T | null): readonly T[] {
    const seen = new Set<string>()
    return this.items(name, max).map((item, i) => {
      const [subject, ...rest] = Array.isArray(item) ? item : []
      const sound = typeof subject === 'string' && SUBJECT.test(subject) && !seen.has(subject)
      const row = sound ? read(subject, rest) : null
      if (row === null) this.fail(`${name}[${i}]: expected a subject of its own and its numbers`)
      seen.add(subject as string)
      return row
    })
  }

  items(name: string, max: number): readonly JsonValue[] {
    const value = this.#object[name]
    if (!Array.isArray(value) || value.length > max) this.fail(`expected ${name} as an array of at most ${max}`)
    return value
  }
}

/** The value as a whole number of at least `min`, or null. */
export function requireCount(value: JsonValue | undefined, min: number): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min ? value : null
}
